//! The downloads, tested as users use them: images in a real Docker
//! engine, pushed to a real registry, a release's files read by the programs that
//! they are for. The programs are those that `just size` builds.

mod built;
mod docker;
mod registry;
mod release;
