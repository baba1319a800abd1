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
]
