//! The protocol's `ConfiguredAirbyteCatalog`: what the model and the packing read of it.

use serde::Deserialize;
use serde_json::Value;

use super::message::Descriptor;

/// What becomes of a stream's records in the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// Records are added to what is there.
    Append,
    /// Records take the place of what is there.
    Overwrite,
    /// One row for each primary key.
    AppendDedup,
    /// Rows of an existing object are changed.
    Update,
    /// Rows of an existing object are marked as deleted.
    SoftDelete,
}

impl SyncMode {
    /// The mode as the protocol spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Overwrite => "overwrite",
            Self::AppendDedup => "append_dedup",
            Self::Update => "update",
            Self::SoftDelete => "soft_delete",
        }
    }
}

/// A catalog.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Catalog {
    /// Its streams.
    pub streams: Vec<ConfiguredStream>,
}

/// A stream of the catalog, with how it is synced.
#[derive(Debug, Clone, Deserialize)]
pub struct ConfiguredStream {
    /// The stream itself.
    pub stream: Stream,
    /// What becomes of its records.
    pub destination_sync_mode: SyncMode,
    /// Paths of the fields that tell rows apart.
    #[serde(default, deserialize_with = "null_as_default")]
    pub primary_key: Vec<Vec<String>>,
    /// Path of the field that tells which version of a row is newer.
    #[serde(default, deserialize_with = "null_as_default")]
    pub cursor_field: Vec<String>,
    /// The generation that this sync's records belong to.
    #[serde(default)]
    pub generation_id: Option<i64>,
    /// Generations below this one are to go when the sync has succeeded.
    #[serde(default)]
    pub minimum_generation_id: Option<i64>,
}

/// `AirbyteStream`.
#[derive(Debug, Clone, Deserialize)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// Its namespace.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The JSON Schema of its records.
    pub json_schema: Value,
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl ConfiguredStream {
    /// Name and namespace.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        Descriptor { name: self.stream.name.clone(), namespace: self.stream.namespace.clone() }
    }

    /// Whether what landed in earlier syncs goes when this one succeeds: overwrite, or, to a
    /// destination that handles refreshes, a minimum generation above those that went before.
    #[must_use]
    pub fn replaces(&self) -> bool {
        self.destination_sync_mode == SyncMode::Overwrite
    }

    /// Whether generations below the minimum are to go when the sync has succeeded.
    #[must_use]
    pub fn truncates(&self) -> bool {
        self.minimum_generation_id.is_some_and(|minimum| minimum > 0)
    }
}

impl Catalog {
    /// The stream of this name and namespace.
    #[must_use]
    pub fn find(&self, descriptor: &Descriptor) -> Option<&ConfiguredStream> {
        self.streams.iter().find(|s| {
            s.stream.name == descriptor.name && s.stream.namespace == descriptor.namespace
        })
    }
}
