//! Lines, one by one and as a whole week.

mod bad;
mod cycle;
mod good;
mod round_trip;
mod site;
mod talk;
mod week;
