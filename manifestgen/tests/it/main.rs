//! Tests of manifestgen, in one binary: linking is most of a test run.

mod cluster;
mod e2e;
mod helm;
mod pages;
mod recipes;
mod release;
mod rules;
mod source;
