//! The folders that outlive a launch: volumes of the run, which everybody may write to.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::container::{Container, Recipe};
use super::engine::{Engine, EngineError};

/// A folder that outlives a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Where containers see it.
    pub folder: String,
    /// How many bytes it takes before it is full; it lies in memory then.
    pub size: Option<u64>,
}

/// The volumes that are there by now.
#[derive(Debug, Default)]
pub struct Volumes {
    open: Mutex<HashSet<String>>,
    /// Containers that do nothing but hold on to volumes in memory, which would be gone without.
    holders: Mutex<Vec<Container>>,
}

impl Volumes {
    /// Makes a container, and before it those of its volumes that are not there yet.
    pub fn container(
        &self,
        engine: &Arc<Engine>,
        recipe: Recipe,
        program: &str,
    ) -> Result<Container, EngineError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<(String, Volume)> =
            recipe.volumes.iter().filter(|(name, _)| !open.contains(name)).cloned().collect();
        if new.is_empty() {
            drop(open);
            return Container::new(engine, recipe, program);
        }
        // The lock is held until it is done: whoever comes second finds them open.
        for (name, volume) in &new {
            engine.make_volume(name, volume.size)?;
        }
        if new.iter().any(|(_, volume)| volume.size.is_some()) {
            let holder = Container::holding(engine, &recipe)?;
            self.holders.lock().unwrap_or_else(PoisonError::into_inner).push(holder);
        }
        let container = Container::new(engine, recipe, program)?;
        for (name, volume) in new {
            if volume.size.is_none() {
                container.put(&volume.folder, &[("./".to_owned(), Vec::new())])?;
            }
            open.insert(name);
        }
        Ok(container)
    }
}
