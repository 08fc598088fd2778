//! `bench import`: a large CSV file into an empty ledger.
//!
//! Goals: at least 60,000 rows per CPU second with validation, duplicates and the suppression look-up, in at most
//! 200 MB of memory.

use crate::audience::write_contacts;
use crate::directory::{Directory, postroom, stored_bytes};
use crate::options::Options;
use crate::process::measure;
use crate::send::succeeded;
use anyhow::Result;
use serde_json::json;
use std::process::Command;

/// Domains the addresses are spread over: as many as a large consumer list has.
const DOMAINS: u64 = 20_000;

pub(crate) fn run(options: &Options) -> Result<()> {
    let rows = options.number("rows", 1_000_000)?;
    let directory = Directory::create("import")?;
    let (data, contacts) = (directory.file("data"), directory.file("contacts.csv"));
    write_contacts(&contacts, "person", rows, DOMAINS)?;
    let mut import = Command::new(postroom()?);
    import.arg("import").arg(&contacts).arg("--data").arg(&data).arg("--json");
    let run = measure(import)?;
    succeeded(&run)?;
    let per_cpu_s = rows as f64 / run.cpu_s;
    let stored_each = stored_bytes(&data)? as f64 / rows as f64;
    println!(
        "bench import: {rows} rows in {:.1} s; {per_cpu_s:.0} rows per CPU second, {:.1} MB peak memory, \
         {stored_each:.0} bytes stored and {:.0} to the device per row",
        run.wall_s,
        run.peak_bytes as f64 / 1e6,
        run.device_bytes as f64 / rows as f64,
    );
    println!(
        "{}",
        json!({
            "bench": "import", "rows": rows, "wall_s": run.wall_s, "rows_per_cpu_s": per_cpu_s,
            "peak_bytes": run.peak_bytes, "stored_bytes_each": stored_each,
            "device_bytes_each": run.device_bytes as f64 / rows as f64,
        })
    );
    Ok(())
}
