//! The server over real sockets.

mod crowd;
mod protocol;
mod raw;
