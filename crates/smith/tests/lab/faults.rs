//! Each fault is what it says, stays over a reboot where it should, and is undone without a trace.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use super::world::World;

const MACHINE: &str = "prod-syd01-carrier1-worker-1001";

/// Some run of dpkg that unpacks something, as an upgrade does.
const UNPACK: &str = "set -e; mkdir -p /root/p/DEBIAN /root/p/usr/share/doc/any; date >/root/p/usr/share/doc/any/file
printf 'Package: any\\nVersion: 1\\nArchitecture: all\\nMaintainer: a\\nDescription: a\\n' >/root/p/DEBIAN/control
dpkg-deb -b /root/p /root/any.deb >/dev/null; dpkg -i /root/any.deb";

/// What a fault might leave on a machine: packages and their states, holds, units, files of the system.
const TRACES: &str = "dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n' | grep -v ^any; apt-mark showhold; dpkg --audit
ls -A /etc /etc/systemd/system /etc/systemd/system.conf.d /etc/network /boot /var/lib/smith-lab 2>/dev/null; ls -A /usr/lib/modules 2>/dev/null
cat /etc/network/interfaces /etc/environment; systemctl --failed --no-legend";

/// Looks at the machine while it is broken.
type Observe = fn(&World);

#[test]
fn faults_of_the_machine_are_real_and_are_undone() {
    let Some(world) = World::new() else { return };
    in_turn(
        &world,
        &[
            ("full-disk", full_disk),
            ("dpkg-lock", dpkg_lock),
            ("sshd-dead", sshd_dead),
            ("clock-off", clock_off),
            ("mirror-unreachable", mirror_unreachable),
            ("slow", slow),
        ],
    );
    no_reboot(&world);
    assert_eq!(world.good(&["heal", MACHINE]), format!("{MACHINE} had nothing to heal\n"));
}

#[test]
fn faults_of_packages_are_real_and_are_undone() {
    let Some(world) = World::new() else { return };
    in_turn(
        &world,
        &[
            ("held-package", held_package),
            ("failing-postinst", failing_postinst),
            ("kernel-purge-failing", kernel_purge_failing),
            ("network-lost-on-restart", network_lost),
        ],
    );
}

/// Breaks the machine of a new lab, looks, and heals it, one fault after the other.
fn in_turn(world: &World, faults: &[(&str, Observe)]) {
    world.good(&["up", "--machines", "1"]);
    // The folders in which faults keep what they need, and the machine's first run of dpkg.
    world.on_good(MACHINE, "mkdir -p /var/lib/smith-lab /etc/systemd/system.conf.d");
    world.on_good(MACHINE, UNPACK);
    let before = world.on_good(MACHINE, TRACES);
    for (fault, observe) in faults {
        world.good(&["break", MACHINE, fault]);
        // Once more, which changes nothing.
        world.good(&["break", MACHINE, fault]);
        assert_eq!(world.machine(MACHINE)["faults"], serde_json::json!([fault]));
        observe(world);
        assert_eq!(world.good(&["heal", MACHINE, fault]), format!("{MACHINE} is healed of {fault}\n"));
        assert_eq!(world.machine(MACHINE)["faults"], serde_json::json!([]));
        let after =
            world.eventually("ssh", || Some(world.on(MACHINE, TRACES)).filter(|said| said.code == Some(0)));
        let only_in = |one: &str, other: &str| -> Vec<String> {
            one.lines().filter(|line| !other.lines().any(|known| known == *line)).map(str::to_owned).collect()
        };
        let (lost, left) = (only_in(&before, &after.out), only_in(&after.out, &before));
        assert!(lost.is_empty() && left.is_empty(), "{fault}: lost {lost:?}, left {left:?}");
        world.on_good(MACHINE, UNPACK);
    }
}

fn reboot(world: &World) {
    let before = world.machine(MACHINE)["boot_id"].clone();
    world.on(MACHINE, "reboot");
    world.eventually("another boot", || {
        let now = world.machine(MACHINE)["boot_id"].clone();
        (now != before && !now.is_null() && world.on(MACHINE, "true").code == Some(0)).then_some(())
    });
}

fn full_disk(world: &World) {
    let said = world.on(MACHINE, "dd if=/dev/zero of=/var/file bs=64k count=1");
    assert!(said.code == Some(1) && said.err.contains("No space left on device"), "{said:?}");
    assert_eq!(world.on_good(MACHINE, "rm -f /var/file; df --output=avail / | tail -1"), "0");
}

fn dpkg_lock(world: &World) {
    reboot(world);
    let said = world.eventually("a held lock", || {
        Some(world.on(MACHINE, "apt-get -y install less")).filter(|said| said.err.contains("lock"))
    });
    assert!(
        said.code == Some(100) && said.err.contains("Could not get lock /var/lib/dpkg/lock-frontend"),
        "{said:?}"
    );
    assert!(said.err.contains("It is held by process") && said.err.contains("(perl)"), "{said:?}");
}

fn held_package(world: &World) {
    assert_eq!(world.on_good(MACHINE, "apt-mark showhold"), "openssl");
}

fn failing_postinst(world: &World) {
    let said = world.on(MACHINE, UNPACK);
    assert!(
        said.code == Some(1) && said.err.contains("error processing package smith-lab-failing"),
        "{said:?}"
    );
    assert!(said.err.contains("installed smith-lab-failing package post-installation script"), "{said:?}");
    let again = world.on(MACHINE, "dpkg --configure -a");
    assert!(again.code == Some(1) && again.err.contains("smith-lab-failing"), "{again:?}");
}

fn network_lost(world: &World) {
    // A session would hang with the network, so the run begins without it.
    world.on_good(
        MACHINE,
        &format!(
            "systemd-run --quiet --collect --on-active=1 --timer-property=AccuracySec=1ms sh -c {:?}",
            UNPACK.replace('\n', "; ")
        ),
    );
    world.eventually("a lost network", || (world.on(MACHINE, "true").code == Some(255)).then_some(()));
    assert_eq!(world.machine(MACHINE)["condition"], "running");
}

fn sshd_dead(world: &World) {
    let said = world.on(MACHINE, "true");
    assert!(said.code == Some(255) && said.err.contains("Connection refused"), "{said:?}");
}

fn clock_off(world: &World) {
    reboot(world);
    let now = |world: &World| -> i64 { world.on_good(MACHINE, "env -i date +%s").parse().unwrap() };
    let real = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let days = (now(world) - real) as f64 / 86_400.0;
    assert!((-365.1..-364.9).contains(&days), "{days}");
    assert_eq!(world.on_good(MACHINE, "systemctl is-system-running --wait"), "running");
}

fn mirror_unreachable(world: &World) {
    let gateway = world.on_good(MACHINE, "getent hosts mirror.lab | cut -d' ' -f1");
    let mirror = TcpListener::bind((gateway.as_str(), 0)).unwrap();
    let port = mirror.local_addr().unwrap().port();
    let ask = format!("curl --silent --show-error --max-time 5 http://mirror.lab:{port}/");
    let said = world.on(MACHINE, &ask);
    assert!(said.code == Some(7) && said.err.contains("connect"), "{said:?}");
    reboot(world);
    assert_eq!(world.on(MACHINE, &ask).code, Some(7));
    world.good(&["heal", MACHINE]);
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = mirror.accept().unwrap();
        let asked = BufReader::new(stream.try_clone().unwrap()).lines();
        asked.map(Result::unwrap).take_while(|line| !line.is_empty()).for_each(drop);
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\na mirror").unwrap();
    });
    assert_eq!(world.on_good(MACHINE, &ask), "a mirror");
    answering.join().unwrap();
    world.good(&["break", MACHINE, "mirror-unreachable"]);
}

fn slow(world: &World) {
    // What takes a whole processor gets a tenth of one: ten times as long on the clock as on the processor, with a margin of two.
    let script = "python3 -c 'import time; b = time.monotonic(); u = time.process_time()
while time.process_time() - u < 0.2: pass
print((time.monotonic() - b) / 0.2)'";
    let times: f64 = world.on_good(MACHINE, script).parse().unwrap();
    assert!(times > 5.0, "{times}");
}

fn kernel_purge_failing(world: &World) {
    let said = world.on(MACHINE, "apt-get -y purge linux-image-5.10.0-9001-lab");
    assert_eq!(said.code, Some(100), "{said:?}");
    assert!(
        said.err.contains("removal script subprocess") || said.out.contains("removal script"),
        "{said:?}"
    );
    world.on_good(MACHINE, "dpkg -s linux-image-5.10.0-9001-lab linux-image-5.10.0-9003-lab >/dev/null");
}

fn no_reboot(world: &World) {
    world.good(&["break", MACHINE, "no-reboot"]);
    let before = world.machine(MACHINE)["boot_id"].clone();
    world.on(MACHINE, "reboot");
    world.eventually("a machine that is down", || {
        (world.machine(MACHINE)["condition"] == "down").then_some(())
    });
    // It stays so: a machine that boots is up in a second.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(world.machine(MACHINE)["condition"], "down");
    world.good(&["heal", MACHINE]);
    let after =
        world.eventually("ssh", || Some(world.on(MACHINE, "true")).filter(|said| said.code == Some(0)));
    assert_eq!(after.code, Some(0));
    assert_ne!(world.machine(MACHINE)["boot_id"], before);
}
