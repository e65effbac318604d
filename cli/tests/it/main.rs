//! `sillage` as its users meet it: child processes, real servers, HTTP.

mod archive;
mod child;
mod divergence;
mod events;
mod faults;
mod month;
mod people;
mod personal;
mod projections;
mod recovery;
mod refusals;
mod separate;
mod up;
