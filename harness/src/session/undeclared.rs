//! A sync whose catalog asks for another mode than the scenario's author did.

use serde_json::value::RawValue;

use crate::protocol::catalog::SyncMode;
use crate::scenario::names::edit;
use crate::scenario::pack::PackedSync;

/// Has every stream of a sync synced in this mode.
pub fn rewrite(sync: &mut PackedSync, mode: SyncMode) -> serde_json::Result<()> {
    sync.catalog = edit(&sync.catalog, |catalog| {
        let Some(streams) = catalog.get("streams") else { return Ok(()) };
        let list: Vec<Box<RawValue>> = serde_json::from_str(streams.get())?;
        let list = list.iter().map(|configured| {
            let name = RawValue::from_string(format!("\"{}\"", mode.name()))?;
            RawValue::from_string(edit(configured.get(), |configured| {
                configured.insert("destination_sync_mode".to_owned(), name);
                if mode == SyncMode::AppendDedup {
                    let key = RawValue::from_string(r#"[["id"]]"#.to_owned())?;
                    configured.insert("primary_key".to_owned(), key);
                }
                Ok(())
            })?)
        });
        let list = list.collect::<serde_json::Result<Vec<_>>>()?;
        catalog.insert("streams".to_owned(), serde_json::value::to_raw_value(&list)?);
        Ok(())
    })?;
    sync.streams = serde_json::from_str(&sync.catalog)?;
    Ok(())
}
