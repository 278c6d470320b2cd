use std::path::Path;

use super::{Directory, janitor, run, system};

/// A file system of its own with room for 6 MiB. Only root can mount one: an ordinary user needs sudo.
#[derive(Debug)]
pub struct SmallDisk(Directory);

impl SmallDisk {
    /// Mounts an empty one that we may write to.
    pub fn mount() -> Self {
        Self::of(system::identity())
    }

    /// Mounts an empty one that PostgreSQL may write to.
    pub fn of_postgres() -> Self {
        Self::of(system::unprivileged("postgres").unwrap_or_else(system::identity))
    }

    fn of((user, group): (u32, u32)) -> Self {
        let folder = Directory::new();
        janitor::tell(&format!("mount {}", folder.path().display()));
        let options = format!("size=6m,mode=0700,uid={user},gid={group}");
        run(system::as_root("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(folder.path()));
        Self(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // At once, even where a process still has a file of it open.
        let status = system::as_root("umount").arg("--lazy").arg(self.path()).status();
        if status.is_ok_and(|status| status.success()) {
            janitor::tell(&format!("unmounted {}", self.path().display()));
        }
    }
}
