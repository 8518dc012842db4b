//! What is downloaded, tried as those who download it do: images in a real Docker
//! engine, pushed to a real registry, a release's files read by the programs that
//! they are for. The programs are those that `just size` builds.

mod built;
mod docker;
mod registry;
mod release;
