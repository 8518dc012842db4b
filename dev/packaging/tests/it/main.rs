//! Tests of the downloads in use: images in a real Docker engine and pushed to a real
//! registry, a release's files read by the programs that use them. The programs are those
//! that `just size` builds.

mod built;
mod docker;
mod registry;
mod release;
