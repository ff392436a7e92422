//! Tests of the store from outside, each on both databases where it is about what they share.

mod both;

mod deliveries;
mod lists;
mod ownership;
mod retention;
mod runs;
mod secrets;
mod workflows;
