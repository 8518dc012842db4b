//! Ratios against named peers, side by side in one run: `just bench` for the exporter,
//! `just bench-agent` for the agent.

pub mod figures;
