//! What somebody does who has the repository's password, its full credential and the clock, with real restic; each story
//! ends with backups that are restored and compared byte for byte.

mod machine;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Child;

use arm::ResourceId;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::json;
use vault::policy::{PolicyBody, mab_daily};
use vault::{BackupPolicy, VaultChange};

use self::machine::{Backup, Machine};
use crate::harness::ALICE;
use crate::repository::keeping::use_policy;
use crate::repository::world::{ITEM, SECRET, World, hash, item_id, place, vault_id};

const FOLDERS: [&str; 4] = ["keys", "index", "data", "snapshots"];

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// A world whose item keeps every point for 30 days, and those of today's weekday for 12 weeks.
async fn world() -> World {
    let world = World::in_a_group().await;
    let today = world.server.now().to_zoned(TimeZone::UTC).strftime("%A").to_string();
    let mut body = mab_daily(30);
    let times = body["retentionPolicy"]["dailySchedule"]["retentionTimes"].clone();
    body["retentionPolicy"]["weeklySchedule"] = json!({
        "daysOfTheWeek": [today], "retentionTimes": times,
        "retentionDuration": {"count": 12, "durationType": "Weeks"},
    });
    let id: ResourceId = vault_id().child("backupPolicies/p").unwrap();
    world.apply(|tx| {
        let policy = BackupPolicy { id: id.clone(), body: PolicyBody::parse(&body)? };
        VaultChange::policy(&tx.resource(&vault_id())?.unwrap(), None, policy)
    });
    use_policy(&world, "p");
    world
}

/// Lets so many days pass, and the purge do what it may.
fn pass(world: &World, by: i64) {
    world.server.advance(days(by));
    server::freeing::free(world.server.running.app()).unwrap();
    world.store().finish_purges().unwrap();
}

/// A backup each day.
async fn back_up_daily(machine: &mut Machine<'_>, count: usize) -> Vec<Backup> {
    let mut backups = Vec::new();
    for _ in 0..count {
        backups.push(machine.back_up().await);
        machine.change();
        pass(machine.world, 1);
    }
    backups
}

/// Deletes everything there is, object by object. Returns how much there was.
async fn delete_everything(world: &World, folders: &[&str]) -> usize {
    let mut deleted = 0;
    for folder in folders {
        for name in world.names(folder).await {
            let got = world.delete(&format!("/{folder}/{name}")).await;
            assert_eq!(got.status, 200, "{}", got.text());
            deleted += 1;
        }
    }
    deleted
}

/// A1: the password is changed, everything is forgotten and pruned, and what is left deleted by hand; then the clock runs.
#[tokio::test]
async fn whoever_wipes_the_repository_destroys_no_recovery_point() {
    let world = world().await;
    let mut machine = Machine::new(&world);
    machine.run(&["init"]).await;
    let backups = back_up_daily(&mut machine, 4).await;
    std::fs::write(machine.home().join("new-password"), "the attacker's").unwrap();
    machine.run(&["key", "passwd", "--new-password-file", "new-password"]).await;
    let mut forget = vec!["forget", "--prune"];
    forget.extend(backups.iter().map(|backup| backup.point.as_str()));
    machine.run_as("the attacker's", &forget).await;
    delete_everything(&world, &FOLDERS).await;
    server::watching::watch(world.server.running.app()).unwrap();
    for method in ["DELETE", "POST"] {
        let got = world.send(world.request(method, "/config").body("another")).await;
        assert_eq!(got.status, 403, "{}", got.text());
    }
    for by in [3, 14, 8] {
        pass(&world, by);
        machine.must_come_back(&backups[0]).await;
    }
    for backup in &backups {
        machine.must_come_back(backup).await;
    }
    // The item is frozen, and whoever comes back from holidays late finds everything.
    pass(&world, 11);
    assert_eq!(machine.points().await.len(), backups.len());
    machine.must_come_back(&backups[1]).await;
    let thaw = format!("{}/thaw", item_id(ITEM));
    world.server.as_(ALICE).post(&thaw, serde_json::Value::Null).await.expect(200);
    pass(&world, 0);
    // 40 days later all but the first are over, which was made on the weekday that is kept for 12 weeks.
    // The newest is kept whatever its time.
    assert_eq!(machine.points().await, [3, 0].map(|at: usize| backups[at].point.clone()));
    machine.must_come_back(&backups[0]).await;
    pass(&world, 60);
    assert_eq!(machine.points().await, [backups[3].point.clone()]);
    machine.must_come_back(&backups[3]).await;
}

/// A2 and A10: the ordinary life of a repository, pruned hard.
#[tokio::test]
async fn an_honest_client_prunes_and_the_vault_keeps() {
    let world = world().await;
    let mut machine = Machine::new(&world);
    machine.run(&["init"]).await;
    let mut backups = Vec::new();
    let mut files = Vec::new();
    for _ in 0..2 {
        backups.extend(back_up_daily(&mut machine, 3).await);
        machine.run(&["forget", "--keep-last", "2", "--prune", "--max-unused", "0"]).await;
        machine.run(&["check", "--read-data"]).await;
        machine.must_come_back(backups.last().unwrap()).await;
        pass(&world, 20);
        files.push(world.files("data"));
    }
    backups.extend(back_up_daily(&mut machine, 1).await);
    // Of the first days only the weekday is left, and what the others alone needed is gone. Whatever is listed comes back.
    let points = machine.points().await;
    let kept = [0, 3, 4, 5, 6].map(|at: usize| backups[at].clone());
    assert_eq!(points.len(), kept.len());
    for backup in &kept {
        machine.must_come_back(backup).await;
    }
    // What the newest and that of the weekday need besides what the client itself keeps is all that is left in the end.
    pass(&world, 30);
    assert!(
        files.concat().iter().any(|file| !world.files("data").contains(file)),
        "what nobody needs is gone"
    );
    for backup in [&backups[0], &backups[6]] {
        machine.must_come_back(backup).await;
    }
    machine.run(&["check", "--read-data"]).await;
}

/// A3: everything is deleted between the moment when a backup loads the index and the one when its snapshot arrives.
#[tokio::test]
async fn what_is_deleted_under_a_running_backup_belongs_to_it() {
    let world = world().await;
    let mut machine = Machine::new(&world);
    machine.run(&["init"]).await;
    let typed = machine.noise(400_000);
    feed(machine.begin_backup(), &typed).await;
    let before = back_up_daily(&mut machine, 1).await;
    let reads = reads_of_index(&world).await;
    let child = machine.begin_backup();
    for _ in 0..1000 {
        if reads_of_index(&world).await > reads {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(reads_of_index(&world).await > reads, "it has loaded the index");
    delete_everything(&world, &FOLDERS).await;
    let earlier = machine.points().await;
    // The same again: restic has it already, as far as it knows, and stores next to nothing.
    feed(child, &typed).await;
    let point = machine.points().await.into_iter().find(|point| !earlier.contains(point)).unwrap();
    let backup = machine.backed_up(point, BTreeMap::from([("typed".into(), typed)]));
    pass(&world, 25);
    machine.must_come_back(&backup).await;
    machine.must_come_back(&before[0]).await;
}

/// Gives a backup what it waits for, and sees it through.
async fn feed(mut child: Child, bytes: &[u8]) {
    let bytes = bytes.to_vec();
    let feeding = tokio::task::spawn_blocking(move || {
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = feeding.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn reads_of_index(world: &World) -> u64 {
    let metrics = world.metrics().await;
    let lines = metrics.lines().filter(|line| line.starts_with("rest_server_blob_read_total"));
    let index = lines.filter(|line| line.contains("type=\"index\""));
    index.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

/// A4: keys that are none.
#[tokio::test]
async fn bogus_keys_shut_nobody_out() {
    let world = world().await;
    let mut machine = Machine::new(&world);
    machine.run(&["init"]).await;
    let backups = back_up_daily(&mut machine, 1).await;
    let mut full = 0;
    for number in 0..40 {
        // A key as restic writes it, and one that is no key at all.
        let bogus = json!({
            "created": "2026-01-01T00:00:00Z", "username": "x", "hostname": "y", "kdf": "scrypt", "N": 1024, "r": 1,
            "p": 1, "salt": "AAAA", "data": format!("AA{number:02}"),
        });
        let bytes = if number % 2 == 0 { bogus.to_string() } else { format!("no key {number}") };
        let got = world.post(&place("keys", bytes.as_bytes()), bytes.as_bytes()).await;
        full += usize::from(got.status == 507);
        assert!([200, 507].contains(&got.status), "{}", got.text());
    }
    assert_eq!(full, 21, "twenty keys are all that a client tries");
    machine.run(&["check", "--read-data"]).await;
    machine.must_come_back(&backups[0]).await;
}

/// A5: garbage under valid names, and bytes under a wrong one.
#[tokio::test]
async fn garbage_in_the_head_does_not_reach_an_earlier_point() {
    let world = world().await;
    let mut machine = Machine::new(&world);
    machine.run(&["init"]).await;
    let backups = back_up_daily(&mut machine, 1).await;
    for folder in ["snapshots", "index", "data"] {
        let garbage = machine.noise(5000);
        world.store_as(folder, &garbage).await;
        let got = world.post(&place(folder, b"a name"), &garbage).await;
        assert_eq!(got.status, 400, "{}", got.text());
    }
    machine.fail(&["restore", "latest", "--target", "nowhere"]).await;
    machine.must_come_back(&backups[0]).await;
}

/// A6: what was deleted comes back by sending it again, and an old snapshot sent again is no new point.
#[tokio::test]
async fn replayed_objects_revive_and_make_no_new_point() {
    let world = world().await;
    let mut machine = Machine::new(&world);
    machine.run(&["init"]).await;
    let backups = back_up_daily(&mut machine, 2).await;
    let mut all = Vec::new();
    for folder in FOLDERS {
        for name in world.names(folder).await {
            let place = format!("/{folder}/{name}");
            all.push((world.get(&place).await.bytes, place));
        }
    }
    delete_everything(&world, &FOLDERS).await;
    pass(&world, 5);
    for (bytes, place) in &all {
        assert_eq!(world.post(place, bytes).await.status, 200);
        assert_eq!(world.post(place, bytes).await.status, 200);
    }
    assert_eq!(machine.points().await.len(), 2);
    machine.run(&["check", "--read-data"]).await;
    pass(&world, 20);
    for backup in &backups {
        machine.must_come_back(backup).await;
    }
}

/// A7: a tag makes a new snapshot, and so a new point; the old one stays.
#[tokio::test]
async fn a_tagged_snapshot_is_a_point_of_its_own() {
    let world = world().await;
    let mut machine = Machine::new(&world);
    machine.run(&["init"]).await;
    let old = back_up_daily(&mut machine, 1).await.remove(0);
    machine.run(&["tag", "--add", "audited", &old.point]).await;
    let point = machine.points().await.into_iter().find(|point| *point != old.point).unwrap();
    let tagged = old.at(point);
    pass(&world, 20);
    machine.must_come_back(&old).await;
    machine.must_come_back(&tagged).await;
}

/// A8: a migration would put another config in its place.
#[tokio::test]
async fn a_migration_is_refused_and_backups_go_on() {
    let world = world().await;
    let mut machine = Machine::new(&world);
    machine.run(&["init", "--repository-version", "1"]).await;
    let mut backups = back_up_daily(&mut machine, 1).await;
    let said = machine.attempt(&["migrate", "upgrade_repo_v2"]).await;
    assert!(said.contains("403") || said.contains("security PIN"), "{said}");
    machine.run(&["unlock"]).await;
    backups.extend(back_up_daily(&mut machine, 1).await);
    for backup in &backups {
        machine.must_come_back(backup).await;
    }
}

/// A9: the packs alone go, so that honest backups rely on what is not there. Points from before, and those of the window,
/// hold what they need.
#[tokio::test]
async fn packs_taken_away_in_secret_stay_for_the_window() {
    let world = world().await;
    let mut machine = Machine::new(&world);
    machine.run(&["init"]).await;
    let mut backups = back_up_daily(&mut machine, 2).await;
    delete_everything(&world, &["data"]).await;
    pass(&world, 4);
    backups.extend(back_up_daily(&mut machine, 1).await);
    pass(&world, 6);
    backups.extend(back_up_daily(&mut machine, 1).await);
    machine.fail(&["check"]).await;
    // Purged as far as it goes: what the points of the window pin stays.
    pass(&world, 14);
    for backup in &backups {
        machine.must_come_back(backup).await;
    }
}

/// A11: after a wipe, the head becomes what it was at a point: what the view holds is sent again.
#[tokio::test]
async fn a_wiped_head_comes_back_from_a_view() {
    let world = world().await;
    let mut machine = Machine::new(&world);
    machine.run(&["init"]).await;
    let mut backups = back_up_daily(&mut machine, 3).await;
    delete_everything(&world, &FOLDERS).await;
    let view = |place: &str| {
        let path = format!("{}@{}{place}", world.base(), backups[1].point);
        let request = world.server.request("GET", &path);
        request.basic_auth(ITEM, Some(SECRET))
    };
    for folder in FOLDERS {
        let names = world.send(view(&format!("/{folder}/"))).await;
        for name in serde_json::from_slice::<Vec<String>>(&names.bytes).unwrap() {
            let place = format!("/{folder}/{name}");
            let bytes = world.send(view(&place)).await.bytes;
            assert_eq!(hash(&bytes), name);
            assert_eq!(world.post(&place, &bytes).await.status, 200);
        }
    }
    machine.run(&["check", "--read-data"]).await;
    machine.change();
    backups.extend(back_up_daily(&mut machine, 1).await);
    for backup in &backups {
        machine.must_come_back(backup).await;
    }
}

/// A12: another client, whose uploads are chunked and which takes no locks: it prunes in two steps, and at once.
#[tokio::test]
#[ignore = "needs rustic: COUNTERSIGN_RUSTIC names its program"]
async fn what_rustic_prunes_away_comes_back_with_restic() {
    let world = world().await;
    let mut machine = Machine::new(&world);
    machine.rustic(&["init"]).await;
    let mut backups = Vec::new();
    for _ in 0..3 {
        backups.push(machine.back_up_with_rustic().await);
        machine.change();
        pass(&world, 1);
    }
    let stored = world.names("data").await;
    // First it marks what nobody needs, and then, as it would a day later, deletes that.
    machine.rustic(&["forget", &backups[0].point]).await;
    machine.rustic(&["prune", "--max-unused", "0%", "--max-repack", "unlimited"]).await;
    pass(&world, 1);
    machine
        .rustic(&["prune", "--max-unused", "0%", "--max-repack", "unlimited", "--keep-delete", "0s"])
        .await;
    let left = world.names("data").await;
    assert!(stored.iter().any(|pack| !left.contains(pack)), "the second one deletes");
    machine.rustic(&["forget", &backups[1].point]).await;
    machine.rustic(&["prune", "--max-unused", "0%", "--max-repack", "unlimited", "--instant-delete"]).await;
    let less = world.names("data").await;
    assert!(left.iter().any(|pack| !less.contains(pack)), "and this one at once");
    machine.rustic(&["check", "--read-data"]).await;
    pass(&world, 20);
    for backup in &backups {
        machine.must_come_back(backup).await;
    }
    backups.push(machine.back_up_with_rustic().await);
    // 40 days later that of the weekday and the newest are left, and what the others alone needed is gone.
    let files = world.files("data");
    pass(&world, 20);
    assert_eq!(machine.points().await.len(), 2);
    assert!(files.iter().any(|file| !world.files("data").contains(file)), "what nobody needs is gone");
    for backup in [&backups[0], &backups[3]] {
        machine.must_come_back(backup).await;
    }
    machine.rustic(&["check", "--read-data"]).await;
}
