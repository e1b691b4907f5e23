//! What an engine knows of an image before anything is run.

use std::collections::BTreeMap;

use bollard::errors::Error as Bollard;
use bollard::models::ImageInspect;
use bollard::query_parameters::{CreateImageOptions, ListImagesOptions};
use futures_util::TryStreamExt;

use super::engine::{Engine, EngineError};

/// How many images of a similar name are offered.
const OFFERED: usize = 3;

/// What an image says of itself.
#[derive(Debug, Clone, Default)]
pub struct Info {
    /// As the user named it.
    pub name: String,
    /// The program that a container runs, with its first arguments.
    pub entrypoint: Vec<String>,
    /// `AIRBYTE_ENTRYPOINT`: the command that the platform runs; none where it is not set.
    pub airbyte_entrypoint: Option<String>,
    /// The user that it runs as, as `id` or `id:id`; none where it is root's or goes by name.
    pub user: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The architectures that the engine holds it for.
    pub architectures: Vec<String>,
}

impl Info {
    /// Asks for an image, and pulls it where it is not there, which can take long: `pulling` tells
    /// of it.
    pub fn of(engine: &Engine, name: &str, pulling: &dyn Fn(&str)) -> Result<Self, EngineError> {
        if name.is_empty() {
            // The engine would take it for the list of all.
            let (what, why) = ("inspecting the image".into(), "its name is empty".into());
            return Err(EngineError::Refused { what, why });
        }
        let inspected = match engine.block(engine.docker().inspect_image(name)) {
            Err(Bollard::DockerResponseServerError { status_code: 404, .. }) => {
                pulling(name);
                pull(engine, name)?;
                engine.block(engine.docker().inspect_image(name))
            }
            inspected => inspected,
        };
        let inspected = inspected.map_err(|error| engine.error("inspecting the image", error))?;
        Ok(Self::read(name, inspected))
    }

    fn read(name: &str, inspected: ImageInspect) -> Self {
        let config = inspected.config.unwrap_or_default();
        let manifests = inspected.manifests.unwrap_or_default();
        let mut architectures: Vec<String> = manifests
            .into_iter()
            .filter_map(|manifest| manifest.image_data?.platform.architecture)
            .chain(inspected.architecture)
            .collect();
        architectures.sort();
        architectures.dedup();
        let variable = config.env.iter().flatten().find_map(|entry| {
            entry.strip_prefix("AIRBYTE_ENTRYPOINT=").filter(|value| !value.trim().is_empty())
        });
        Self {
            name: name.to_owned(),
            user: config.user.filter(|user| user.starts_with(|c: char| c.is_ascii_digit())),
            airbyte_entrypoint: variable.map(str::to_owned),
            entrypoint: config.entrypoint.unwrap_or_default(),
            labels: config.labels.unwrap_or_default().into_iter().collect(),
            architectures,
        }
    }
}

fn pull(engine: &Engine, name: &str) -> Result<(), EngineError> {
    // Without a tag the engine would fetch every one there is.
    let last = name.rsplit('/').next().unwrap_or(name);
    let full = if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") };
    let options = CreateImageOptions { from_image: Some(full), ..Default::default() };
    let pulled = engine
        .block(engine.docker().create_image(Some(options), None, None).try_collect::<Vec<_>>());
    pulled.map(drop).map_err(|error| match engine.error("pulling the image", error) {
        EngineError::Refused { why, .. } => {
            EngineError::NoImage { image: name.to_owned(), why, hint: hint(engine, name) }
        }
        other => other,
    })
}

/// Images of a similar name; nothing where there are none.
fn hint(engine: &Engine, name: &str) -> String {
    let Ok(images) = engine.block(engine.docker().list_images(Some(ListImagesOptions::default())))
    else {
        return String::new();
    };
    let mut like: Vec<(f64, String)> = images
        .into_iter()
        .flat_map(|image| image.repo_tags)
        .map(|tag| (strsim::jaro_winkler(&tag, name), tag))
        .filter(|(likeness, _)| *likeness > 0.8)
        .collect();
    like.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let names: Vec<String> = like.into_iter().take(OFFERED).map(|(_, tag)| tag).collect();
    if names.is_empty() { String::new() } else { format!("\n(did you mean {}?)", names.join(", ")) }
}
