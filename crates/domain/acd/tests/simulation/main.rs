//! More than a million calls through queues in which everything goes wrong, against a simple model.
//!
//! After every step: no agent has two offers, or an offer beside a call unless it takes second calls; nobody is
//! reserved without an offer; no caller waits beside an agent who could take it; nobody is rung for a caller
//! who has left; every caller has exactly one outcome; the counts add up; whom the strategy asks, and for
//! whom, was right. A failure prints the seed, the step
//! and what was done last; `ACD_SEED=n` runs one seed.

#![allow(clippy::print_stdout)] // Figures, for who runs it by hand.

mod reference;
mod settings;
mod world;

use offhook_testkit::Rng;
use settings::Size;
use world::World;

/// Calls of one small world.
const CALLS_PER_WORLD: u32 = 2_000;
/// Small worlds of one test. Four tests share the processors.
const WORLDS: u64 = 125;

/// Runs the worlds of these seeds. Gives calls, steps and restarts.
fn run_small(seeds: std::ops::Range<u64>) -> (u64, u64, u64) {
    let only = std::env::var("ACD_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let mut sums = (0, 0, 0);
    for seed in seeds.filter(|seed| only.is_none_or(|only| only == *seed)) {
        let size = Size::draw(&mut Rng::seeded(seed ^ 0x5eed), CALLS_PER_WORLD);
        let mut world = World::new(seed, size);
        if let Err(why) = world.run(CALLS_PER_WORLD) {
            panic!("seed {seed}, {size:?}, {why}");
        }
        sums.0 += u64::from(world.joined);
        sums.1 += world.steps;
        sums.2 += world.snapshots;
    }
    println!("{} calls, {} steps, {} restarts", sums.0, sums.1, sums.2);
    sums
}

fn expect_plenty((calls, steps, restarts): (u64, u64, u64)) {
    if std::env::var_os("ACD_SEED").is_none() {
        assert!(calls >= WORLDS * u64::from(CALLS_PER_WORLD));
        assert!(steps > 4 * calls && restarts > WORLDS, "{steps} steps, {restarts} restarts");
    }
}

#[test]
fn a_quarter_of_a_million_calls() {
    expect_plenty(run_small(0..WORLDS));
}

#[test]
fn another_quarter_of_a_million_calls() {
    expect_plenty(run_small(WORLDS..2 * WORLDS));
}

#[test]
fn a_third_quarter_of_a_million_calls() {
    expect_plenty(run_small(2 * WORLDS..3 * WORLDS));
}

#[test]
fn a_fourth_quarter_of_a_million_calls() {
    expect_plenty(run_small(3 * WORLDS..4 * WORLDS));
}

#[test]
fn thousands_of_agents_and_callers() {
    let mut world = World::new(77, Size::Large);
    if let Err(why) = world.run(Size::Large.callers()) {
        panic!("seed 77, large, {why}");
    }
    println!("{} calls, {} steps", world.joined, world.steps);
    assert!(world.steps > 4 * u64::from(world.joined));
}
