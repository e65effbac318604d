//! Signing in, as named people do it over HTTP: what they get, what strangers get, and what ends.

mod attacks;
mod erasure;
mod guesses;
mod letters;
mod members;
mod registering;
mod second_factor;
mod sessions;
mod world;
