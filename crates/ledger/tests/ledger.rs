//! The canonical form byte for byte, and the promise of the chain: whatever is changed afterwards is found.

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use ledger::{
        Actor, ActorKind, Break, Chain, Consent, Digest, Entry, Fault, Head, OutOfTurn, Stored, Verdict,
        verify,
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    /// An entry that has every member and every kind of escape.
    fn full() -> Entry {
        Entry {
            sequence: 7,
            at: "2026-02-11T09:30:00.25Z".parse().unwrap(),
            correlation: "0B1F6471-1BF0-4DDA-AEC3-CB9272F09590".parse().unwrap(),
            actor: Actor {
                person: "p-1".into(),
                object: Uuid::from_u128(1),
                tenant: Uuid::from_u128(2),
                kind: ActorKind::User,
                name: "alice@contoso.example".into(),
                authentication: vec!["pwd".into(), "mfa".into()],
                address: Some("127.0.0.1".into()),
            },
            operation: "Microsoft.RecoveryServices/vaults/backupconfig/write".into(),
            target: "/subscriptions/s/resourceGroups/RG1".into(),
            change: Some(Digest::of(b"change")),
            verdict: Verdict::Done,
            reason: "consent \"by role\"\\\n\u{1} für Ålice".into(),
            consent: vec![Consent {
                operation: "backupconfig/write".into(),
                request: "/g/disableSoftDeleteRequests/default".into(),
                guard: "/g".into(),
                holder: "p-1".into(),
                assignment: "/g/providers/Microsoft.Authorization/roleAssignments/a".into(),
                expires: Some("2026-02-11T10:30:00Z".parse().unwrap()),
            }],
            facts: BTreeMap::from([("z".into(), "1".into()), ("Vault".into(), String::new())]),
        }
    }

    /// An entry that has as little as it may.
    fn bare() -> Entry {
        let mut entry = full();
        entry.sequence = 0;
        entry.actor.address = None;
        entry.actor.kind = ActorKind::RepositoryCredential;
        entry.actor.authentication.clear();
        entry.change = None;
        entry.verdict = Verdict::Refused;
        entry.reason = String::new();
        entry.consent.clear();
        entry.facts.clear();
        entry
    }

    fn canonical(entry: &Entry) -> String {
        String::from_utf8(entry.canonical()).unwrap()
    }

    // These two are for good: entries that exist were hashed as these bytes. A test that fails here means that
    // the form has changed, which needs a new version, and never new expectations.
    #[test]
    fn the_canonical_form_of_a_full_entry() {
        let bytes = concat!(
            r#"{"actor":{"address":"127.0.0.1","authentication":["pwd","mfa"],"kind":"user","#,
            r#""name":"alice@contoso.example","object":"00000000-0000-0000-0000-000000000001","person":"p-1","#,
            r#""tenant":"00000000-0000-0000-0000-000000000002"},"at":"2026-02-11T09:30:00.250000Z","#,
            r#""change":"12ea12eace7d655f471ce55e34f89b1b77a3d9d05a445ca82877dd2235beaa51","#,
            r#""consent":[{"assignment":"/g/providers/Microsoft.Authorization/roleAssignments/a","#,
            r#""expires":"2026-02-11T10:30:00.000000Z","guard":"/g","holder":"p-1","#,
            r#""operation":"backupconfig/write","request":"/g/disableSoftDeleteRequests/default"}],"#,
            r#""correlation":"0b1f6471-1bf0-4dda-aec3-cb9272f09590","facts":{"Vault":"","z":"1"},"#,
            r#""operation":"Microsoft.RecoveryServices/vaults/backupconfig/write","#,
            r#""reason":"consent \"by role\"\\\n\u0001 für Ålice","sequence":7,"#,
            r#""target":"/subscriptions/s/resourceGroups/RG1","verdict":"done","version":1}"#,
        );
        assert_eq!(canonical(&full()), bytes);
        assert_eq!(
            full().leaf().to_string(),
            "3e8c4d16cb34527142eab45936952b62aeaeea4adab75f29956373ad88b2201e"
        );
    }

    #[test]
    fn the_canonical_form_and_chain_of_a_bare_entry() {
        let bytes = concat!(
            r#"{"actor":{"authentication":[],"kind":"repositoryCredential","name":"alice@contoso.example","#,
            r#""object":"00000000-0000-0000-0000-000000000001","person":"p-1","#,
            r#""tenant":"00000000-0000-0000-0000-000000000002"},"at":"2026-02-11T09:30:00.250000Z","#,
            r#""consent":[],"correlation":"0b1f6471-1bf0-4dda-aec3-cb9272f09590","facts":{},"#,
            r#""operation":"Microsoft.RecoveryServices/vaults/backupconfig/write","reason":"","sequence":0,"#,
            r#""target":"/subscriptions/s/resourceGroups/RG1","verdict":"refused","version":1}"#,
        );
        assert_eq!(canonical(&bare()), bytes);
        let link = Chain::resume(Head::EMPTY).append(&bare()).unwrap();
        assert_eq!(link.leaf.to_string(), "4244a574cfdc0d7b1b41ec84092f56df8dcff4bac225845732bd513310d5ca63");
        assert_eq!(
            link.head.chain.to_string(),
            "87ba7981b4ad3c93ff9c1063c6985bb339d191f66d444fa1112913c10c59d44e"
        );
    }

    #[test]
    fn what_is_finer_than_a_microsecond_is_cut_off() {
        let mut entry = full();
        entry.at = "2026-02-11T09:30:00.250000999Z".parse().unwrap();
        assert_eq!(entry.canonical(), full().canonical());
    }

    #[test]
    fn only_the_canonical_spelling_is_read() {
        let text = canonical(&full());
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            (",\"version\":1", ""),
            ("\"version\":1", "\"version\":1,\"zeal\":1"),
            ("\"sequence\":7", "\"sequence\": 7"),
            (".250000Z", ".25Z"),
            ("09:30:00.250000Z", "10:30:00.250000+01:00"),
            ("ü", "\\u00fc"),
            ("0b1f6471", "0B1F6471"),
            ("\"change\":", "\"change\":null,\"change\":"),
            ("\"verdict\":\"done\"", "\"verdict\":\"undone\""),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text, "{from}");
            assert!(Entry::parse(other.as_bytes()).is_err(), "{to}");
        }
        assert_eq!(Entry::parse(text.as_bytes()), Ok(full()));
    }

    #[test]
    fn an_entry_out_of_turn_is_not_appended() {
        let mut chain = Chain::resume(Head::EMPTY);
        assert_eq!(chain.append(&full()), Err(OutOfTurn { expected: 0, found: 7 }));
        assert_eq!(chain.head(), Head::EMPTY);
    }

    type Log = Vec<Stored<Vec<u8>>>;

    fn entries(count: u64) -> Vec<Entry> {
        let entry = |sequence| Entry { sequence, reason: format!("entry {sequence}"), ..bare() };
        (0..count).map(entry).collect()
    }

    fn write(entries: &[Entry]) -> (Log, Head) {
        let mut chain = Chain::resume(Head::EMPTY);
        let mut append = |entry| {
            let link = chain.append(entry).unwrap();
            Stored { canonical: link.canonical, leaf: link.leaf, chain: link.head.chain }
        };
        let log = entries.iter().map(&mut append).collect();
        (log, chain.head())
    }

    fn broken(sequence: usize, fault: Fault) -> Result<Head, Break> {
        Err(Break { sequence: sequence as u64, fault })
    }

    #[test]
    fn a_whole_log_is_found_whole_also_behind_an_earlier_head() {
        let all = entries(9);
        let (log, head) = write(&all);
        assert_eq!(verify(log.clone(), None), Ok(head));
        for size in 0..=all.len() {
            let (_, earlier) = write(&all[..size]);
            assert_eq!(verify(log.clone(), Some(earlier)), Ok(head));
        }
        assert_eq!(verify(Log::new(), None), Ok(Head::EMPTY));
    }

    #[test]
    fn a_leaf_that_is_no_entry_is_found() {
        let (mut log, _) = write(&entries(1));
        log[0].canonical = b"{}".to_vec();
        log[0].leaf = Digest::of(b"\0{}");
        assert_eq!(verify(log, None), broken(0, Fault::Unreadable));
    }

    #[test]
    fn breaks_read_as_sentences() {
        let (mut log, head) = write(&entries(4));
        log.remove(1);
        let text = verify(log, Some(head)).unwrap_err().to_string();
        assert_eq!(text, "the ledger is broken at entry 1: it is missing; entry 2 stands in its place");
    }

    fn any_time() -> impl Strategy<Value = Timestamp> {
        // 1970 to 9999, in microseconds.
        (0_i64..253_370_764_800_000_000).prop_map(|micros| Timestamp::from_microsecond(micros).unwrap())
    }

    prop_compose! {
        fn any_actor()(
            person: String,
            ids: (u128, u128),
            kind in prop::sample::select(vec![
                ActorKind::User, ActorKind::ServicePrincipal, ActorKind::System, ActorKind::RepositoryCredential,
            ]),
            name: String,
            authentication: Vec<String>,
            address: Option<String>,
        ) -> Actor {
            let (object, tenant) = (Uuid::from_u128(ids.0), Uuid::from_u128(ids.1));
            Actor { person, object, tenant, kind, name, authentication, address }
        }
    }

    prop_compose! {
        fn any_consent()(
            operation: String,
            request: String,
            guard: String,
            holder: String,
            assignment: String,
            expires in prop::option::of(any_time()),
        ) -> Consent {
            Consent { operation, request, guard, holder, assignment, expires }
        }
    }

    prop_compose! {
        fn any_entry()(
            sequence: u64,
            at in any_time(),
            correlation: u128,
            actor in any_actor(),
            texts: (String, String, String),
            change: Option<[u8; 32]>,
            done: bool,
            consent in prop::collection::vec(any_consent(), 0..3),
            facts: BTreeMap<String, String>,
        ) -> Entry {
            let (operation, target, reason) = texts;
            Entry {
                sequence,
                at,
                correlation: Uuid::from_u128(correlation),
                actor,
                operation,
                target,
                change: change.map(Digest::from_bytes),
                verdict: if done { Verdict::Done } else { Verdict::Refused },
                reason,
                consent,
                facts,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn canonical_forms_are_read_back_and_stable(entry in any_entry()) {
            let bytes = entry.canonical();
            let read = Entry::parse(&bytes).unwrap();
            prop_assert_eq!(read.canonical(), bytes);
            prop_assert_eq!(read, entry);
        }

        /// `serde_json` is the second opinion: it also writes without white space, with minimal escapes and, in
        /// its own map, in the order of code points.
        #[test]
        fn canonical_forms_are_what_serde_json_writes(entry in any_entry()) {
            let bytes = entry.canonical();
            let mut value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            value.sort_all_objects();
            prop_assert_eq!(serde_json::to_vec(&value).unwrap(), bytes);
        }

        #[test]
        fn json_round_trips(entry in any_entry()) {
            let json = serde_json::to_string(&entry).unwrap();
            prop_assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry);
        }

        #[test]
        fn any_changed_byte_is_found(
            count in 1_u64..8,
            at: prop::sample::Index,
            byte: prop::sample::Index,
            flip in 1_u8..,
        ) {
            let (mut log, _) = write(&entries(count));
            let at = at.index(log.len());
            let row = &mut log[at];
            let length = row.canonical.len();
            let byte = byte.index(length + 64);
            let change = |digest: &mut Digest, byte: usize| {
                let mut bytes = *digest.as_bytes();
                bytes[byte] ^= flip;
                *digest = Digest::from_bytes(bytes);
            };
            let fault = match byte.checked_sub(length) {
                None => {
                    row.canonical[byte] ^= flip;
                    Fault::Altered
                }
                Some(byte @ ..32) => {
                    change(&mut row.leaf, byte);
                    Fault::Altered
                }
                Some(byte) => {
                    change(&mut row.chain, byte - 32);
                    Fault::Unchained
                }
            };
            prop_assert_eq!(verify(log, None), broken(at, fault));
        }

        #[test]
        fn any_missing_entries_are_found(count in 1_u64..8, from: prop::sample::Index, more in 0_usize..3) {
            let (mut log, head) = write(&entries(count));
            let from = from.index(log.len());
            let to = (from + more).min(log.len() - 1);
            log.drain(from..=to);
            let expected = if from == log.len() {
                Fault::Truncated { expected: count }
            } else {
                Fault::Gap { found: to as u64 + 1 }
            };
            prop_assert_eq!(verify(log, Some(head)), broken(from, expected));
        }

        #[test]
        fn any_two_exchanged_entries_are_found(count in 2_u64..8, a: prop::sample::Index, b: prop::sample::Index) {
            let (mut log, head) = write(&entries(count));
            let (a, b) = (a.index(log.len()), b.index(log.len()));
            let (a, b) = (a.min(b), a.max(b));
            log.swap(a, b);
            let expected = if a == b { Ok(head) } else { broken(a, Fault::Reordered { found: b as u64 }) };
            prop_assert_eq!(verify(log, None), expected);
        }

        #[test]
        fn any_repeated_entry_is_found(count in 1_u64..8, from: prop::sample::Index, to: prop::sample::Index) {
            let (mut log, _) = write(&entries(count));
            let from = from.index(log.len());
            let to = from + 1 + to.index(log.len() - from);
            log.insert(to, log[from].clone());
            prop_assert_eq!(verify(log, None), broken(to, Fault::Reordered { found: from as u64 }));
        }

        /// Somebody who owns the store can hash everything anew; a head that was kept elsewhere shows it.
        #[test]
        fn a_rewritten_log_is_found_by_an_expected_head(count in 1_u64..8, at: prop::sample::Index, kept: prop::sample::Index) {
            let mut all = entries(count);
            let at = at.index(all.len());
            let kept = at + 1 + kept.index(all.len() - at);
            let (_, head) = write(&all[..kept]);
            all[at].verdict = Verdict::Done;
            let (log, _) = write(&all);
            prop_assert!(verify(log.clone(), None).is_ok());
            prop_assert_eq!(verify(log, Some(head)), broken(kept, Fault::Rewritten));
        }
    }
}
