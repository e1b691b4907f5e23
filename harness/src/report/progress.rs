//! A progress bar on stderr, while launches go on; nothing where stderr is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::event::Event;

/// The bar.
pub struct Progress {
    bar: ProgressBar,
}

impl Default for Progress {
    fn default() -> Self {
        let bar = ProgressBar::new(0);
        // The template is ours and valid; a bar in the default style is no loss.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} launches  {msg}") {
            bar.set_style(style);
        }
        Self { bar }
    }
}

impl Progress {
    /// Takes notice of an event.
    pub fn on(&self, event: &Event) {
        match event {
            Event::Started { .. } => self.bar.enable_steady_tick(Duration::from_millis(100)),
            Event::Planned(launches) => self.bar.set_length(*launches as u64),
            Event::Launched { what } => self.bar.set_message((*what).to_owned()),
            Event::Landed => self.bar.inc(1),
            Event::Finished(_) => self.done(),
        }
    }

    /// Takes the bar away.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}
