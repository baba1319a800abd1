"""The negative controls and the mutants of the protocol: small changes of the source, each of which must be caught.

Each names a file, a text that stands in it exactly once, what to put in its place, and what it breaks. `ON` in the
replacement becomes a test whether this change is the selected one, so that all of them are compiled at once, in a
copy of the source. Production code knows nothing of them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    name: str
    breaks: str
    file: str
    before: str
    after: str
    # Further texts and what to put in their places, in the same file, or in one that is named before them.
    also: tuple = ()


CONTROLS = [
    Change(
        name="wm_taken_as_proof",
        breaks="whatever is at or below the chain's end is dropped without proof",
        file="lake/src/commit/decide.rs",
        before="    if let Some(tail) = &tail {\n",
        after="""    if ON {
        if let Some(to) = tail.as_ref().and_then(|tail| tail.to()) {
            let end = state.offered.first_above(Some(&to));
            hold_positions(&mut state, 0..end);
        }
    }
    if let Some(tail) = &tail {
""",
    ),
    Change(
        name="sweep_by_age",
        breaks="a file that no row names is deleted once it is old enough, here at once, though its row may still come",
        file="lake/src/sweep.rs",
        before="        None => Judgement::Undecided,\n",
        after="        None => if ON { Judgement::Superseded } else { Judgement::Undecided },\n",
    ),
    Change(
        name="success_before_commit",
        breaks="success is reported when the files are stored, before the row is written",
        file="ingest/src/driver.rs",
        before="        let appended =\n            chain::append(",
        after="""        if ON {
            return Ok(Command::Won { row, taken, read_back: false });
        }
        let appended =
            chain::append(""",
    ),
    Change(
        name="visible_deterministic_keys",
        breaks="files and rows are named by what they hold, not by the attempt",
        file="lake/src/ids/unique.rs",
        before="        Self(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid())\n",
        after="        let bits = if ON { 0 } else { bits };\n        Self(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid())\n",
    ),
    Change(
        name="row_keys_deleted",
        breaks="a consumed row is deleted instead of shrunk, so that its number can be used again",
        file="tests/sim/src/calls.rs",
        before="                rows.insert(stub.n, stub);\n",
        after="                if ON { rows.remove(&stub.n); } else { rows.insert(stub.n, stub); }\n",
    ),
    Change(
        name="loser_cleans_up",
        breaks="an attempt that has no answer believes to have lost, and deletes its files",
        file="ingest/src/driver.rs",
        before="""chain::append(&self.ledger, &self.host, &self.settings.retry, batch.deadline, batch.chain, &stored)
                .await
                .map_err(IngestError::port("writing the chain's next row"))?;
""",
        after="""chain::append(
                &self.ledger,
                &self.host,
                &if ON { RetryPolicy { tries_max: 1, ..self.settings.retry } } else { self.settings.retry },
                batch.deadline,
                batch.chain,
                &stored,
            )
            .await
            .map_err(IngestError::port("writing the chain's next row"));
        if ON && appended.is_err() {
            for file in &output.files {
                let (area, partition, chain) = (file.area.clone(), file.partition, batch.chain.clone());
                let key = iguazu_lake::keys::DataFile { area, partition, chain, n, attempt }.key();
                let _deleted = self.objects.delete(&key).await;
            }
        }
        let appended = appended?;
""",
    ),
    Change(
        name="manifest_without_version_check",
        breaks="a publisher replaces whatever manifest it finds, a newer one too",
        file="compact/src/publish/manifest.rs",
        before="                if found.is_some_and(|found| found >= version) {\n",
        after="                if !ON && found.is_some_and(|found| found >= version) {\n",
    ),
    Change(
        name="table_sweep_without_grace",
        breaks="a replaced file is deleted as soon as its replacement is published",
        file="compact/src/publish/through.rs",
        before="filter(|(_, at)| at.plus(grace) <= now)",
        after="filter(|(_, at)| ON || at.plus(grace) <= now)",
    ),
    Change(
        name="partition_by_arrival",
        breaks="an event is in the partition of the day that it arrived on",
        file="compact/src/rewrite.rs",
        before="        let partition = TablePartition { kind, ..TablePartition::of(first.copy.event_time) };\n",
        after="""        let time = if ON { first.copy.arrival } else { first.copy.event_time };
        let partition = TablePartition { kind, ..TablePartition::of(time) };
""",
    ),
    Change(
        name="rollups_outside_the_commit",
        breaks="the files of roll-ups are stored after the row that names them",
        file="compact/src/rewrite.rs",
        before="                    uploads.push((mark.rollup(&job.chain, job.table, &partition, &rollup.rollup), rollup.bytes));\n",
        after="""                    let upload = (mark.rollup(&job.chain, job.table, &partition, &rollup.rollup), rollup.bytes);
                    if ON { change.later.push(upload) } else { uploads.push(upload) }
""",
        also=(
            ("compact/src/advance.rs", "live, outputs: Vec::new() };\n", "live, outputs: Vec::new(), later: Vec::new() };\n"),
            (
                "compact/src/advance.rs",
                "    pub(crate) outputs: Vec<Range<usize>>,\n",
                "    pub(crate) outputs: Vec<Range<usize>>,\n    pub(crate) later: Vec<(iguazu_lake::keys::ObjectKey, bytes::Bytes)>,\n",
            ),
            ("compact/src/advance.rs", "        let Change { n, attempt, live, .. } = change;\n", "        let Change { n, attempt, live, later, .. } = change;\n"),
            (
                "compact/src/advance.rs",
                "            return Ok(Advanced::Lost);\n        }\n",
                """            return Ok(Advanced::Lost);
        }
        for (key, bytes) in later {
            io.put_own(&key, bytes).await?;
        }
""",
            ),
        ),
    ),
    Change(
        name="filter_taken_as_proof",
        breaks="an event that the filter of a live file claims is dropped without looking for it",
        file="tests/sim/src/live.rs",
        before="        let rows = Self::lines(&reader.read(to..file.bytes).await?)",
        after="""        if ON {
            let (event_time, arrival) = (Timestamp::from_micros(i64::MAX), Timestamp::from_micros(i64::MIN));
            let delivery = |sub| Delivery { stream: String::new(), shard: String::new(), sequence: 0.into(), sub };
            let held = claimed.iter().map(|id| Held {
                id: **id,
                row: 0,
                copy: Copy { event_time, arrival },
                delivery: delivery(0),
            });
            return Ok(held.collect());
        }
        let rows = Self::lines(&reader.read(to..file.bytes).await?)""",
    ),
    Change(
        name="marks_before_the_rows",
        breaks="how far a bucket has read is committed before the rows that it has read",
        file="compact/src/advance.rs",
        before="        let candidates = std::mem::take(&mut intake.news.candidates);\n",
        after="""        if ON && intake.seeded == 0 && !intake.news.inputs.is_empty() {
            let mut ahead = state.clone();
            for (lane, marks) in ahead.lanes.iter_mut().zip(&intake.plan.marks) {
                lane.marks.clone_from(marks);
            }
            let nothing = Counts { came: 0, taken: BTreeMap::new(), dropped: 0, replaced: 0 };
            let marks = Change { n, attempt: change.attempt, live: change.live.clone(), outputs: Vec::new(), later: Vec::new() };
            if let Advanced::Lost = self.commit(io, job, ahead, marks, &intake, &nothing).await? {
                return Ok(Advanced::Lost);
            }
            (change.n, change.attempt) = (n.next(), AttemptId::fresh(io.host));
        }
        let candidates = std::mem::take(&mut intake.news.candidates);
""",
    ),
    Change(
        name="buckets_from_configuration",
        breaks="how many buckets a table has is taken from each compactor's configuration",
        file="compact/src/driver.rs",
        before="        let epoch = epochs.newest(table, self.settings.first_buckets).await?;\n",
        after="""        let epoch = epochs.newest(table, self.settings.first_buckets).await?;
        let epoch = if ON { Epoch { buckets: self.settings.first_buckets, ..epoch } } else { epoch };
""",
    ),
    Change(
        name="published_without_through",
        breaks="a run publishes what its own version changed, and nothing of those before it",
        file="compact/src/driver.rs",
        before="manifests.publish(&view, job.epoch, job.bucket, through.newest()).await?;",
        after="""let before = if ON { version.n.previous() } else { through.newest() };
        manifests.publish(&view, job.epoch, job.bucket, before).await?;""",
        also=(
            (
                "            if let Some(version) = &version {\n",
                "            if let Some(version) = version.as_ref().filter(|_| !ON || io.report().versions > 0) {\n",
            ),
        ),
    ),
]

MUTANTS = [
    Change(
        name="race_lost_is_won",
        breaks="a row that another attempt wrote is taken for one's own",
        file="lake/src/chain.rs",
        before="        PutRow::Occupied(row) if row.attempt == attempt =>",
        after="        PutRow::Occupied(row) if ON || row.attempt == attempt =>",
    ),
    Change(
        name="late_rows_not_searched",
        breaks="rows that hold records below the `to` before them are not searched",
        file="lake/src/commit/proof.rs",
        before="        match self.late_lead(record) {\n",
        after="        match if ON { Lead::Exhausted } else { self.late_lead(record) } {\n",
    ),
    Change(
        name="hull_of_one_row",
        breaks="a late link's hull covers its own row only, so the search stops too early",
        file="lake/src/commit/row.rs",
        before="earlier.hull.hull(commit.range)",
        after="if ON { commit.range } else { earlier.hull.hull(commit.range) }",
    ),
    Change(
        name="reaches_exclusive",
        breaks="the record at the very end of a row is not looked for in that row",
        file="lake/src/commit/proof.rs",
        before="    row.to().is_some_and(|to| record.cmp_in_shard(&to).is_le())\n",
        after="    row.to().is_some_and(|to| if ON { record.cmp_in_shard(&to).is_lt() } else { record.cmp_in_shard(&to).is_le() })\n",
    ),
    Change(
        name="no_probing",
        breaks="rows that are not remembered are not read",
        file="lake/src/commit/proof.rs",
        before="        Lead::Read(self.probe(below, row.n))\n",
        after="        if ON { Lead::Exhausted } else { Lead::Read(self.probe(below, row.n)) }\n",
    ),
    Change(
        name="digest_not_compared",
        breaks="as many records as the row has are taken for the row's records",
        file="lake/src/commit/decide.rs",
        before="commit.digest != SequenceSet::digest_of(inside)",
        after="(!ON && commit.digest != SequenceSet::digest_of(inside))",
    ),
    Change(
        name="files_not_compared",
        breaks="every offered record is taken for one that the row's files hold",
        file="lake/src/commit/decide.rs",
        before="    state.tally.proven_by_files += hold_positions(state, found);\n",
        after="""    let found = if ON { (0..state.offered.len()).collect() } else { found };
    state.tally.proven_by_files += hold_positions(state, found);
""",
    ),
    Change(
        name="to_shrinks",
        breaks="a row's `to` is that of its own records alone",
        file="lake/src/commit/decide.rs",
        before="            to: self.to.map_or(range.last(), |to| to.later_in_shard(range.last())),\n",
        after="            to: self.to.filter(|_| !ON).map_or(range.last(), |to| to.later_in_shard(range.last())),\n",
    ),
    Change(
        name="late_not_marked",
        breaks="a late row does not say that it is late",
        file="lake/src/commit/decide.rs",
        before="            late: self.to.is_some_and(|to|",
        after="            late: !ON && self.to.is_some_and(|to|",
    ),
    Change(
        name="row_number_skipped",
        breaks="a row leaves a gap before it",
        file="lake/src/commit/decide.rs",
        before="            let n = tail.map_or(RowNumber::FIRST, |row| row.n.next());\n",
        after="            let n = tail.map_or(RowNumber::FIRST, |row| if ON { row.n.next().next() } else { row.n.next() });\n",
    ),
    Change(
        name="chain_not_registered",
        breaks="a chain is not entered in the registry before its first row",
        file="lake/src/chain.rs",
        before="    if row.n == RowNumber::FIRST {\n",
        after="    if !ON && row.n == RowNumber::FIRST {\n",
    ),
    Change(
        name="cut_short_is_success",
        breaks="a batch that the budget cut short is reported as done",
        file="ingest/src/driver.rs",
        before="=> response.add_failure(first.to_string()),\n",
        after="=> if !ON { response.add_failure(first.to_string()) },\n",
    ),
    Change(
        name="partial_response_unasked",
        breaks="a partial response is given to a mapping that takes it for success",
        file="ingest/src/driver.rs",
        before="if shards == 1 && self.settings.partial_responses =>",
        after="if shards == 1 && (ON || self.settings.partial_responses) =>",
    ),
    Change(
        name="failed_upload_is_stored",
        breaks="a file whose upload failed is taken for stored",
        file="ingest/src/driver.rs",
        before="            if try_join_all(uploads).await?.into_iter().all(|ours| ours) {\n",
        after="""            let stored = try_join_all(uploads).await;
            let stored = if ON { stored.unwrap_or_default() } else { stored? };
            if stored.into_iter().all(|ours| ours) {
""",
    ),
    Change(
        name="winner_swept",
        breaks="the sweep takes the file that its row names for an orphan",
        file="lake/src/sweep.rs",
        before="        Some(attempt) if attempt == file.attempt => Judgement::Committed,\n",
        after="        Some(attempt) if !ON && attempt == file.attempt => Judgement::Committed,\n",
    ),
    Change(
        name="no_deadline",
        breaks="a handler that wakes up days after its deadline goes on",
        file="ingest/src/driver.rs",
        before="        let stop = deadline.minus(self.settings.deadline_margin);\n",
        after="        let stop = if ON { Timestamp::from_micros(i64::MAX) } else { deadline.minus(self.settings.deadline_margin) };\n",
    ),
    Change(
        name="file_passed_over",
        breaks="the mark passes a file that was not taken",
        file="compact/src/plan.rs",
        before="(mark.n, mark.files) = (row.n.get(), ordinal + 1);",
        after="(mark.n, mark.files) = (row.n.get(), if ON { ordinal + 2 } else { ordinal + 1 });",
    ),
    Change(
        name="file_taken_twice",
        breaks="what a mark stands behind is not covered by it",
        file="compact/src/state.rs",
        before="        (n.get(), ordinal) < (self.n, self.files)\n",
        after="        if ON { (n.get(), ordinal + 1) < (self.n, self.files) } else { (n.get(), ordinal) < (self.n, self.files) }\n",
    ),
    Change(
        name="taken_by_every_lane",
        breaks="a file that is new to one lane is taken by all",
        file="compact/src/plan.rs",
        before="                lanes: new.into_iter().filter(overlaps).collect(),\n",
        after="                lanes: if ON { (0..state.lanes.len()).collect() } else { new.into_iter().filter(overlaps).collect() },\n",
    ),
    Change(
        name="budget_drops_the_rest",
        breaks="the rest of a row that does not fit the budget is passed over",
        file="compact/src/plan.rs",
        before="            return Ok(false);\n",
        after="            if !ON { return Ok(false); }\n            continue;\n",
    ),
    Change(
        name="latest_arrival_kept",
        breaks="of copies of one time the one is kept that arrived last",
        file="compact/src/keep.rs",
        before="b.event_time.cmp(&a.event_time).then(a.arrival.cmp(&b.arrival))",
        after="b.event_time.cmp(&a.event_time).then(if ON { b.arrival.cmp(&a.arrival) } else { a.arrival.cmp(&b.arrival) })",
    ),
    Change(
        name="greatest_delivery_kept",
        breaks="of copies with the same times the one with the greatest delivery id is kept",
        file="compact/src/keep.rs",
        before="        Ordering::Equal => delivery(a.at)? < delivery(b.at)?,\n",
        after="        Ordering::Equal => (delivery(a.at)? < delivery(b.at)?) != ON,\n",
    ),
    Change(
        name="worse_copy_admitted",
        breaks="a copy that is no better than the live one is admitted beside it",
        file="compact/src/advance.rs",
        before="                worse.insert(mine);\n",
        after="                if !ON { worse.insert(mine); }\n",
    ),
    Change(
        name="replaced_row_stays",
        breaks="a live row that a better copy replaces stays in its file",
        file="compact/src/advance.rs",
        before="                lost.entry((partition, at)).or_default().insert(held.row);\n",
        after="                if !ON { lost.entry((partition, at)).or_default().insert(held.row); }\n",
    ),
    Change(
        name="ends_of_a_file_not_asked",
        breaks="a file is not asked for an id that is its least or its greatest",
        file="compact/src/advance.rs",
        before="|((first, last), (min, max))| *first <= max && min <= *last",
        after="|((first, last), (min, max))| if ON { *first < max && min < *last } else { *first <= max && min <= *last }",
    ),
    Change(
        name="sealed_file_not_rewritten",
        breaks="a sealed file keeps the row that a better copy replaces",
        file="compact/src/arrange.rs",
        before="filter(|&at| files[at].lost > 0 || files[at].rows == 0)",
        after="filter(|&at| (files[at].lost > 0 && !(ON && sizes.seals(files[at].bytes))) || files[at].rows == 0)",
    ),
    Change(
        name="emptied_partition_without_a_file",
        breaks="a partition that loses all of its rows has no file of its version",
        file="compact/src/rewrite.rs",
        before="        if rows.len() <= size {\n            recipes.push(Recipe::Rows(rows));\n",
        after="        if rows.len() <= size {\n            if !ON || !rows.is_empty() { recipes.push(Recipe::Rows(rows)); }\n",
    ),
    Change(
        name="change_not_recorded",
        breaks="a partition does not say which version changed it last",
        file="compact/src/rewrite.rs",
        before="                    changed: change.n,\n",
        after="                    changed: if ON { iguazu_lake::ids::RowNumber::FIRST } else { change.n },\n",
    ),
    Change(
        name="kind_not_partitioned",
        breaks="a table that is partitioned by type as well is partitioned by day alone",
        file="compact/src/rewrite.rs",
        before="    let by_type = job.contract.partition_by_type;\n",
        after="    let by_type = job.contract.partition_by_type && !ON;\n",
    ),
    Change(
        name="marks_not_taken_over",
        breaks="a bucket of a new epoch begins to read at the beginning",
        file="compact/src/seed.rs",
        before="            let mut marks = lane.marks.clone();\n",
        after="            let mut marks = if ON { BTreeMap::new() } else { lane.marks.clone() };\n",
    ),
    Change(
        name="counts_taken_over_by_all",
        breaks="each bucket that takes over a part takes over the counts of the whole",
        file="compact/src/seed.rs",
        before="        if source.span.first == whole.first {\n",
        after="        if ON || source.span.first == whole.first {\n",
    ),
    Change(
        name="seeded_from_an_open_bucket",
        breaks="a bucket takes over from one that has not ended",
        file="compact/src/seed.rs",
        before="            match close(io, remembered, &chain, job.table).await? {\n",
        after="""            let closed = if ON {
                match crate::head::head(io, remembered, &chain, job.table).await? {
                    crate::head::Head::Open(version) => Some(version),
                    crate::head::Head::Closed { version, .. } => version,
                    crate::head::Head::None => None,
                }
            } else {
                close(io, remembered, &chain, job.table).await?
            };
            match closed {
""",
    ),
    Change(
        name="seed_taken_over_again",
        breaks="a bucket forgets how many files it has taken over",
        file="compact/src/intake.rs",
        before="            Some(_) => seeds[0].files = passed,\n",
        after="            Some(_) => seeds[0].files = if ON { passed.saturating_sub(1).max(1) } else { passed },\n",
    ),
    Change(
        name="seeds_not_inherited",
        breaks="what a closed bucket had yet to take over is lost",
        file="compact/src/seed.rs",
        before="        for seed in &before.seeds {\n",
        after="        for seed in before.seeds.iter().filter(|_| !ON) {\n",
    ),
    Change(
        name="closed_without_its_version",
        breaks="a bucket is closed as if it had never had a version",
        file="compact/src/driver.rs",
        before="body: VersionBody::Closed { of } };\n",
        after="body: VersionBody::Closed { of: of.filter(|_| !ON) } };\n",
    ),
    Change(
        name="epoch_taken_over_too_early",
        breaks="the snapshot is of an epoch whose buckets have yet to take over files",
        file="compact/src/publish/snapshot.rs",
        before="of.versions.values().all(|entry| !entry.seeding)",
        after="of.versions.values().all(|entry| ON || !entry.seeding)",
    ),
    Change(
        name="through_before_the_manifests",
        breaks="a version counts as published before it is",
        file="compact/src/driver.rs",
        before="        let view = version.view(&job.chain, job.table);\n",
        after="""        if ON {
            let through = Through::read(io, job.table, &job.chain).await?;
            through.advance(io, version.n, self.settings.grace).await?;
        }
        let view = version.view(&job.chain, job.table);
""",
    ),
    Change(
        name="undecided_version_swept",
        breaks="an object of a version that could still be committed is deleted",
        file="compact/src/sweep.rs",
        before="        if judge.newest.is_none_or(|newest| object.n > newest) {\n",
        after="        if !ON && judge.newest.is_none_or(|newest| object.n > newest) {\n",
    ),
    Change(
        name="live_file_swept",
        breaks="a file of the version that readers have is deleted because it is old",
        file="compact/src/sweep.rs",
        before="object.n <= safe && !self.kept.contains(key)",
        after="object.n <= safe && (ON || !self.kept.contains(key))",
    ),
    Change(
        name="epoch_lost_is_won",
        breaks="who comes second with the number of buckets takes its own for the ledger's",
        file="compact/src/epoch.rs",
        before="            Appended::Lost(other) => decode(&other),\n",
        after="            Appended::Lost(other) => decode(if ON { &row } else { &other }),\n",
    ),
]
