//! The same lake on one machine: opened by its folder, it is verified as it is in memory.

use std::fs;

use iguazu_audit::{Folder, Options, open, status, trace, verify};
use iguazu_lake::adapters::embedded::{DiskObjects, SqliteLedger};
use iguazu_lake::keys::KeyPrefix;
use iguazu_lake::ports::{Ledger, Objects};

use crate::world::{Lake, ORDERS, bad, block, contract, id, order};

/// Copies a lake to a folder, as a pipeline would have made it there.
async fn copied(lake: &Lake, folder: &Folder) {
    let objects = DiskObjects::open(folder.lake()).unwrap();
    for key in block(lake.objects.list(&KeyPrefix::everything(), None, usize::MAX)).unwrap() {
        objects.put(&key, lake.read(&key)).await.unwrap();
    }
    let ledger = SqliteLedger::open(folder.ledger()).unwrap();
    for chain in block(lake.ledger.registry(None, usize::MAX)).unwrap() {
        ledger.register(&chain).await.unwrap();
        for row in block(lake.ledger.scan_after(&chain, None, usize::MAX)).unwrap() {
            ledger.put_if_absent(&chain, &row).await.unwrap();
        }
    }
    fs::create_dir_all(folder.contracts()).unwrap();
    fs::write(folder.contracts().join("orders.toml"), ORDERS).unwrap();
}

#[tokio::test]
async fn a_lake_on_disk_is_opened_by_its_folder_and_found_to_be_right_or_wrong() {
    let (lake, contract) = (Lake::new(), contract(&[]));
    let mut all: Vec<_> = (0..50).map(|event| order(event, event * 700, 100 + event)).collect();
    all.extend([order(7, 90_000, 3), bad(100_000)]);
    lake.ingest(&contract, 0, &all);
    lake.compact(&contract, 2);
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::at(place.path().join("data"));
    copied(&lake, &folder).await;

    let (objects, ledger, contracts) = open(&folder).unwrap();
    let verified = verify(&objects, &ledger, &contracts, &Options::default(), &mut |_| ()).await.unwrap();
    assert_eq!(verified.findings, []);
    assert_eq!((verified.tables[0].live, verified.tables[0].duplicates), (50, 1));
    let traced = trace(&objects, &ledger, &contracts, id(7).parse().unwrap()).await.unwrap();
    assert_eq!((traced.findings.len(), traced.tables[0].deliveries.len()), (0, 2));
    assert_eq!(status(&objects, &ledger, &contracts).await.unwrap().findings, []);

    let live = lake.view(&contract).files().next().unwrap().key.clone();
    fs::remove_file(folder.lake().join(live.as_str())).unwrap();
    let verified = verify(&objects, &ledger, &contracts, &Options::default(), &mut |_| ()).await.unwrap();
    assert!(verified.findings.iter().any(|finding| finding.place == live.as_str()));
}
