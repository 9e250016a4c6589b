//! What hangs is given up on, and holds up nothing else.

use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;
use crate::config::settings::load_settings;
use crate::week::tests::{World, job};

fn held(inner: &Arc<Inner>, job: &Job) -> Held {
    let turn = AtWork::begin(inner, job.errand).unwrap_or_else(|watch| panic!("{watch:?}"));
    Held { _turn: Some(turn), _building: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_hangs_is_given_up_on_and_holds_up_no_other() {
    let world = World::new();
    std::fs::write(world.path("smith.yaml"), "data: data\nstore: store\npipelines: pipelines\n").unwrap();
    let settings = load_settings(Some(&world.path("smith.yaml"))).unwrap();
    let wait = Duration::from_millis(100);
    let inner = Weeks::with_patience(&settings, |_| Duration::from_millis(100), wait).inner;
    let (end, ended) = channel::<()>();
    let first = job(Link::Sync, 1);
    let hangs = inner.work(first.clone(), held(&inner, &first), move |inner, _, _| {
        let _slot = inner.slots.take_now("dal-01");
        let _ = ended.recv();
        Ok(())
    });
    let hangs = hangs.await.unwrap_err();
    assert!(matches!(&hangs, Trouble::Failed(why) if why.ends_with("it hangs")), "{hangs:?}");
    // It is asked again, and it is said that the earlier try is still there.
    assert_eq!(AtWork::begin(&inner, first.errand).err(), Some(Watch::GivenUp));
    let second = job(Link::Sync, 2);
    let other = inner.work(second.clone(), held(&inner, &second), |inner, _, _| {
        assert!(inner.slots.take_now("syd-01").is_some());
        Ok(inner.slots.take_now("dal-01").is_none())
    });
    assert_eq!(other.await, Ok(true));
    assert!(AtWork::begin(&inner, second.errand).is_ok(), "what has ended may be done again");
    end.send(()).unwrap();
    while AtWork::begin(&inner, first.errand).is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
