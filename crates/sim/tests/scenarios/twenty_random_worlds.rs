//! Twenty worlds drawn by chance, with all standing checks. `cargo xtask swarm` plays as many as you like.

#[test]
fn twenty_random_worlds() {
    for seed in 1..=20 {
        let folder = tempfile::tempdir().unwrap();
        if let Err(why) = sim::swarm::play(seed, folder.path()) {
            panic!("seed {seed}: {why}\nplay it again: cargo xtask swarm --seed {seed} --verbose");
        }
    }
}
