//! Tests of the agent and its program: one binary, since linking takes longer than
//! running.

mod backend;
mod book;
mod browser;
mod command_line;
mod doctor;
mod flavours;
mod fleet;
mod input;
mod previous;
mod reports;
mod scripted;
mod serve;
mod sinks;
