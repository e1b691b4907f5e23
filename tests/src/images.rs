//! Container images for the tests that need some: `touchdown-test/NAME:HASH`.
//!
//! An image is made once: the hash is that of all that goes in, and an image that the engine has is
//! not made again. Tests and test processes that want it at the same time wait for the one that
//! makes it. They remain; `docker image rm $(docker image ls --quiet 'touchdown-test/*')` removes
//! them.
//!
//! Nothing is pulled. What making them needs of the machine is installed where that is possible.
//! Every function here panics where an image cannot be made: a test that needs it must not pass
//! without it.

mod engine;
mod machine;
mod python;
mod reference;
mod variants;

pub use engine::{Engine, available, engine_or_skip};
pub use python::python;
pub use reference::{reference, with_shell};
pub use variants::{VARIANTS, foreign, scripted, variant};
