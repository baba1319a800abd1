//! Which events a live file holds.

use std::sync::atomic::AtomicU64;

use iguazu_compact::ParquetTables;
use iguazu_compact::format::{Held, NewFile, Recipe, TableFormat as _};
use iguazu_lake::ids::EventId;
use proptest::prelude::*;
use uuid::Uuid;

use crate::support::{Counted, Draws, block_on, by_time, contract, live, open, raw, raw_of};

const COLUMNS: &str = "a_string string\n";

/// What a file holds of some events, by all of its rows.
fn by_reading(file: &NewFile, ids: &[EventId]) -> Vec<Held> {
    let contract = contract(COLUMNS, "");
    let input = &open(&contract, std::slice::from_ref(&file.bytes))[0];
    let keys = ParquetTables.keys(&contract, input).unwrap().rows;
    let rows: Vec<u32> = (0..).zip(&keys).filter(|(_, key)| ids.contains(&key.id)).map(|(row, _)| row).collect();
    let deliveries = ParquetTables.deliveries(input, &rows).unwrap();
    let held = |(row, delivery): (u32, _)| {
        let key = keys[row as usize];
        Held { id: key.id, row, copy: key.copy, delivery }
    };
    rows.into_iter().zip(deliveries).map(held).collect()
}

fn found(file: &NewFile, ids: &[EventId]) -> (Vec<Held>, u64) {
    let reader = Counted(file.bytes.clone(), AtomicU64::new(0));
    let mut ids = ids.to_vec();
    ids.sort_unstable_by_key(|id| (id.placement(), *id));
    let held = block_on(ParquetTables.find(&reader, &live(file), &ids)).unwrap();
    (held, reader.1.into_inner())
}

fn written(rows: &[usize], draws: &mut Draws) -> NewFile {
    let contract = contract(COLUMNS, "");
    let files: Vec<_> = rows.iter().map(|&rows| raw(&contract, rows, draws)).collect();
    let inputs = open(&contract, &files);
    let rows = by_time(&contract, &inputs);
    ParquetTables.write(&contract, &inputs, &[Recipe::Rows(rows)]).unwrap().remove(0)
}

fn ids_of(file: &NewFile) -> Vec<EventId> {
    let contract = contract(COLUMNS, "");
    let input = &open(&contract, std::slice::from_ref(&file.bytes))[0];
    ParquetTables.keys(&contract, input).unwrap().rows.iter().map(|key| key.id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_found_is_what_reading_all_rows_finds(
        seed: u64, rows in prop::collection::vec(1_usize..3_000, 1..4), every in 1_usize..200, absent in 0_usize..300,
        copies in 1_usize..3
    ) {
        let mut draws = Draws(seed);
        let file = written(&rows, &mut draws);
        // Also where row groups were copied behind one another.
        let contract = contract(COLUMNS, "");
        let file = match copies {
            1 => file,
            _ => {
                let other = written(&rows, &mut draws);
                let inputs = open(&contract, &[file.bytes, other.bytes]);
                ParquetTables.write(&contract, &inputs, &[Recipe::Copy(vec![0, 1])]).unwrap().remove(0)
            }
        };
        let mut ids: Vec<_> = ids_of(&file).into_iter().step_by(every).collect();
        ids.extend((0..absent).map(|_| draws.id()));
        prop_assert_eq!(found(&file, &ids).0, by_reading(&file, &ids));
    }
}

#[test]
fn all_rows_are_found_if_all_are_asked_for() {
    let file = written(&[2_500], &mut Draws(9));
    let ids = ids_of(&file);
    let (held, _) = found(&file, &ids);
    assert_eq!(held.len(), 2_500);
    assert_eq!(held, by_reading(&file, &ids));
}

#[test]
fn an_event_that_is_there_twice_is_found_twice() {
    let contract = contract(COLUMNS, "");
    let mut draws = Draws(10);
    let id = draws.id();
    let files = [raw_of(&contract, &[draws.id(), id], &mut draws), raw_of(&contract, &[id], &mut draws)];
    let inputs = open(&contract, &files);
    let rows = by_time(&contract, &inputs);
    let file = ParquetTables.write(&contract, &inputs, &[Recipe::Rows(rows)]).unwrap().remove(0);
    assert_eq!(found(&file, &[id]).0.len(), 2);
}

#[test]
fn ids_outside_those_of_a_file_cost_no_read() {
    let contract = contract(COLUMNS, "");
    let mut draws = Draws(11);
    let clock = |at: u64| EventId::new(Uuid::from_u64_pair(at << 16, at));
    let ids: Vec<_> = (100..200).map(clock).collect();
    let inputs = open(&contract, &[raw_of(&contract, &ids, &mut draws)]);
    let rows = by_time(&contract, &inputs);
    let file = ParquetTables.write(&contract, &inputs, &[Recipe::Rows(rows)]).unwrap().remove(0);
    assert_eq!(found(&file, &[clock(99), clock(200)]), (Vec::new(), 0));
    assert_eq!(found(&file, &[clock(99), clock(150)]).0.len(), 1);
}

#[test]
fn new_events_cost_the_bloom_filters_and_little_else() {
    let file = written(&[60_000], &mut Draws(12));
    let mut draws = Draws(13);
    let ids: Vec<_> = (0..200).map(|_| draws.id()).collect();
    let (held, read) = found(&file, &ids);
    assert_eq!(held, []);
    let index = file.index.unwrap();
    assert!(read <= (index.1 - index.0) + 8 * 1_024, "{read} bytes of {}, index {index:?}", file.bytes.len());
}
