//! The server over real sockets.

mod flood;
mod protocol;
mod raw;
