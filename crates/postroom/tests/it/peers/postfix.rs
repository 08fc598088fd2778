//! A private Postfix on a loopback port that takes every address and puts it into one Maildir.
//!
//! Its own configuration, queue and data directory; no system service and nothing under `/etc` or `/var` is touched.
//! Postfix insists on being started by root, so without root there is none.

use super::{START_TIMEOUT, end, find_program, free_port, skipped, wait_until};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Owner of the delivered files: nobody.
const MAILBOX_OWNER: u32 = 65_534;

/// A running Postfix. Dropping it stops it and removes its directory.
pub struct Postfix {
    program: PathBuf,
    child: Child,
    directory: TempDir,
    pub port: u16,
}

impl Postfix {
    /// Starts one; `None`, with the reason said, when there is no Postfix or we are not root.
    pub fn start() -> Option<Postfix> {
        let Some(program) = find_program("postfix") else {
            skipped("postfix");
            return None;
        };
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            skipped("root, to start a private postfix");
            return None;
        }
        let directory = tempfile::Builder::new().prefix("postroom-postfix-").tempdir().unwrap();
        let port = free_port();
        prepare(directory.path(), port);
        let child = command(&program, directory.path(), "start-fg").spawn().unwrap();
        let mut postfix = Postfix { program, child, directory, port };
        postfix.wait_for_greeting();
        Some(postfix)
    }

    /// `host:port` as command lines take it.
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Every message delivered so far, with the headers Postfix adds in front, in no particular order.
    pub fn delivered(&self) -> Vec<Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.directory.path().join("mail/all/new")) else { return Vec::new() };
        entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
    }

    /// Waits until `count` messages are delivered; returns what there is when the time is over.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Vec<u8>> {
        let enough = || Some(self.delivered()).filter(|delivered| delivered.len() >= count);
        wait_until(limit, enough).unwrap_or_else(|| self.delivered())
    }

    /// What it logged: for the message of a failing test.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("queue/log")).unwrap_or_default()
    }

    fn wait_for_greeting(&mut self) {
        let port = self.port;
        let greeted = wait_until(START_TIMEOUT, || {
            let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
            stream.set_read_timeout(Some(START_TIMEOUT)).ok()?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).ok()?;
            line.starts_with("220").then_some(())
        });
        assert!(greeted.is_some(), "Postfix did not come up:\n{}", self.log());
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // Its master reads its own pid file; a failure here is answered by the kill in `end`.
        command(&self.program, self.directory.path(), "stop").status().ok();
        end(&mut self.child);
    }
}

fn command(program: &Path, directory: &Path, verb: &str) -> Command {
    let mut command = Command::new(program);
    command.arg("-c").arg(directory.join("conf")).arg(verb);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Lays out the directory: Postfix's own user must be able to reach its parts.
fn prepare(directory: &Path, port: u16) {
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    for part in ["conf", "queue", "data", "mail"] {
        fs::create_dir(directory.join(part)).unwrap();
        fs::set_permissions(directory.join(part), Permissions::from_mode(0o755)).unwrap();
    }
    chown(directory.join("data"), Some(user_id("postfix")), None).unwrap();
    chown(directory.join("mail"), Some(MAILBOX_OWNER), Some(MAILBOX_OWNER)).unwrap();
    fs::write(directory.join("conf/main.cf"), main_cf(directory)).unwrap();
    fs::write(directory.join("conf/master.cf"), master_cf(port)).unwrap();
}

/// The number of a system user.
fn user_id(name: &str) -> u32 {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let mut users = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let user = users.find(|fields| fields.first() == Some(&name)).expect("the package made its user");
    user[2].parse().unwrap()
}

/// Takes mail for every domain from loopback, keeps it, relays nothing.
fn main_cf(directory: &Path) -> String {
    let home = directory.display();
    let parent = directory.parent().unwrap().display();
    format!(
        "compatibility_level = 3.6
config_directory = {home}/conf
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/queue/log
maillog_file_prefixes = {parent}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.test
mydestination =
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_tls_security_level = none
smtpd_client_connection_count_limit = 0
smtputf8_enable = yes
in_flow_delay = 0
message_size_limit = 33554432
default_process_limit = 100
virtual_transport = virtual
virtual_mailbox_domains = static:all
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{MAILBOX_OWNER}
virtual_gid_maps = static:{MAILBOX_OWNER}
virtual_minimum_uid = 1
"
    )
}

/// The services a receiving Postfix needs, none of them in a chroot.
fn master_cf(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"
    )
}
