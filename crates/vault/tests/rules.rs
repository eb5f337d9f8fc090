//! What nobody may do to a vault, whoever agrees: the rules that the constructors of a change hold.

#[cfg(test)]
mod tests {
    use arm::{Region, ResourceId};
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;
    use serde_json::json;
    use vault::policy::{PolicyBody, mab_daily};
    use vault::{
        BackupPolicy, ChangeKind, Container, Deletion, Edit, Feature, FreeSettings, Freeze, GuardProxy,
        Immutability, Instance, ProtectedItem, Protection, RecoveryPoint, RepositoryCredential,
        RepositoryQuota, RepositoryRight, SecurityLevel, SecurityPin, SoftDelete, Stamp, Vault, VaultChange,
    };

    const VAULT: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v";

    fn below(rest: &str) -> ResourceId {
        ResourceId::parse(VAULT).unwrap().child(rest).unwrap()
    }

    fn now() -> Timestamp {
        "2026-02-11T09:00:00Z".parse().unwrap()
    }

    fn vault() -> Vault {
        let stamp = Stamp { by: "alice@contoso.example".into(), kind: "User".into(), at: now() };
        Vault {
            id: ResourceId::parse(VAULT).unwrap(),
            short: "short".into(),
            location: Region::parse("westeurope").unwrap(),
            soft_delete: SoftDelete::default(),
            enhanced_security: Feature::Enabled,
            immutability: Immutability::Disabled,
            encryption: None,
            free: FreeSettings::default(),
            created: stamp.clone(),
            modified: stamp,
        }
    }

    fn immutable() -> Vault {
        Vault { immutability: Immutability::Unlocked, ..vault() }
    }

    fn policy(name: &str, days: u32) -> BackupPolicy {
        BackupPolicy {
            id: below(&format!("backupPolicies/{name}")),
            body: PolicyBody::parse(&mab_daily(days)).unwrap(),
        }
    }

    fn container() -> Container {
        Container {
            id: below("backupFabrics/Azure/protectionContainers/Windows;host"),
            container_type: "Windows".into(),
            backup_management_type: "MAB".into(),
            friendly_name: "host".into(),
            registered: now(),
        }
    }

    fn item(policy: Option<&BackupPolicy>, protection: Protection) -> ProtectedItem {
        ProtectedItem {
            standstill: None,
            id: container().id.child("protectedItems/FileFolder;data").unwrap(),
            short: "item".into(),
            item_type: "MabFileFolderProtectedItem".into(),
            friendly_name: "data".into(),
            source: None,
            policy: policy.map(|policy| policy.id.clone()),
            protection,
            deletion: None,
            frozen: None,
            instance: None,
            created: now(),
        }
    }

    fn deleted(mut item: ProtectedItem) -> ProtectedItem {
        item.deletion = Some(Deletion {
            at: now(),
            until: now() + SignedDuration::from_hours(24 * 14),
            by: "alice".into(),
        });
        item
    }

    fn code(outcome: arm::Result<VaultChange>) -> String {
        outcome.map_or_else(|error| error.code, |_| "allowed".into())
    }

    const FEATURES: [Feature; 3] = [Feature::Disabled, Feature::Enabled, Feature::AlwaysOn];
    const IMMUTABILITIES: [Immutability; 3] =
        [Immutability::Disabled, Immutability::Unlocked, Immutability::Locked];

    #[test]
    fn always_on_stays_on() {
        let soft_delete = |vault: &mut Vault, state| vault.soft_delete.state = state;
        let enhanced = |vault: &mut Vault, state| vault.enhanced_security = state;
        for set in [&soft_delete as &dyn Fn(&mut Vault, Feature), &enhanced] {
            for from in FEATURES {
                for to in FEATURES {
                    let (mut before, mut after) = (vault(), vault());
                    set(&mut before, from);
                    set(&mut after, to);
                    let expected = match (from, to) {
                        (Feature::AlwaysOn, Feature::Disabled | Feature::Enabled) => {
                            "UserErrorDisableSoftDeleteNotAllowed"
                        }
                        _ => "allowed",
                    };
                    let found = code(VaultChange::vault(Some(before), after));
                    assert_eq!(found, expected, "{from:?} to {to:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_locked_stays_locked() {
        for from in IMMUTABILITIES {
            for to in IMMUTABILITIES {
                let (mut before, mut after) = (vault(), vault());
                before.immutability = from;
                after.immutability = to;
                let expected = match (from, to) {
                    (Immutability::Locked, Immutability::Disabled | Immutability::Unlocked) => {
                        "UserErrorUnsupportedVaultImmutabilityStateChange"
                    }
                    _ => "allowed",
                };
                let found = code(VaultChange::vault(Some(before), after));
                assert_eq!(found, expected, "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn the_soft_delete_period_has_limits_from_the_start() {
        for (days, expected) in [
            (0, "UserErrorInvalidSoftDeleteRetentionPeriod"),
            (13, "UserErrorInvalidSoftDeleteRetentionPeriod"),
            (14, "allowed"),
            (180, "allowed"),
            (181, "UserErrorInvalidSoftDeleteRetentionPeriod"),
            (u16::MAX, "UserErrorInvalidSoftDeleteRetentionPeriod"),
        ] {
            let mut after = vault();
            after.soft_delete.retention_days = days;
            assert_eq!(code(VaultChange::vault(None, after.clone())), expected, "{days}");
            assert_eq!(code(VaultChange::vault(Some(vault()), after)), expected, "{days}");
        }
    }

    #[test]
    fn a_vault_does_not_move() {
        let mut after = vault();
        after.location = Region::parse("northeurope").unwrap();
        assert_eq!(code(VaultChange::vault(Some(vault()), after)), "InvalidResourceLocation");
    }

    #[test]
    fn only_an_empty_vault_ends_and_its_policies_and_link_end_with_it() {
        let full = "ServiceResourceNotEmptyWithBackendMessage";
        let items = [item(None, Protection::Stopped)];
        let soft_deleted = [deleted(item(None, Protection::Stopped))];
        let end = |items: &[ProtectedItem], containers: &[Container]| {
            VaultChange::delete_vault(vault(), items, containers, vec![policy("p", 30)], None)
        };
        assert_eq!(code(end(&items, &[])), full);
        assert_eq!(code(end(&soft_deleted, &[])), full);
        assert_eq!(code(end(&[], &[container()])), full);
        let proxy = GuardProxy {
            id: below("backupResourceGuardProxies/VaultProxy"),
            guard: ResourceId::parse("/g").unwrap(),
            updated: now(),
        };
        let policies = vec![policy("p", 30), policy("q", 30)];
        let change = VaultChange::delete_vault(vault(), &[], &[], policies, Some(proxy.clone())).unwrap();
        assert_eq!(change.target(), Some(&vault().id));
        let ChangeKind::Removal(removal) = change.kind() else { panic!("a removal") };
        assert_eq!((removal.vault().before(), removal.vault().after()), (Some(&vault()), None));
        assert_eq!(removal.policies().len(), 2);
        assert!(removal.policies().iter().all(|edit| edit.before().is_some() && edit.after().is_none()));
        assert_eq!(removal.proxy().and_then(Edit::before), Some(&proxy));
    }

    #[test]
    fn what_is_in_use_is_not_deleted() {
        let used = policy("used", 30);
        let items = [item(Some(&used), Protection::Protected)];
        assert_eq!(code(VaultChange::delete_policy(used.clone(), &items)), "BMSUserErrorPolicyInUse");
        assert_eq!(code(VaultChange::delete_policy(policy("free", 30), &items)), "allowed");
        let mut shouted = used;
        shouted.id = ResourceId::parse(&shouted.id.as_str().to_uppercase()).unwrap();
        assert_eq!(code(VaultChange::delete_policy(shouted, &items)), "BMSUserErrorPolicyInUse");
        let full = "BMSUserErrorContainerHasDatasources";
        assert_eq!(code(VaultChange::delete_container(container(), &items)), full);
        let gone = [deleted(item(None, Protection::Stopped))];
        assert_eq!(code(VaultChange::delete_container(container(), &gone)), full);
        assert_eq!(code(VaultChange::delete_container(container(), &[])), "allowed");
    }

    #[test]
    fn an_immutable_vault_loses_nothing() {
        let denied = "UserErrorOperationDeniedOnImmutableItem";
        let (long, short) = (policy("p", 30), policy("p", 7));
        let other = policy("short", 7);
        let on = |policy| item(Some(policy), Protection::Protected);
        let bare = || item(None, Protection::Protected);
        let change = |vault: &Vault, edit, before: &BackupPolicy, after: Option<&BackupPolicy>| {
            code(VaultChange::item(vault, edit, Some(before.clone()), after.cloned()))
        };
        for (vault, expected) in [(vault(), "allowed"), (immutable(), denied)] {
            assert_eq!(code(VaultChange::policy(&vault, Some(long.clone()), short.clone())), expected);
            let moves = Edit::replace(on(&long), on(&other));
            assert_eq!(change(&vault, moves, &long, Some(&other)), expected);
            let deletes = Edit::replace(bare(), deleted(bare()));
            assert_eq!(code(VaultChange::item(&vault, deletes, None, None)), expected);
            let purges = Edit::delete(bare());
            assert_eq!(code(VaultChange::item(&vault, purges, None, None)), expected);
            // What keeps everything is allowed on both.
            let stops = Edit::replace(on(&long), item(None, Protection::Stopped));
            assert_eq!(change(&vault, stops, &long, None), "allowed");
            let undeletes = Edit::replace(deleted(on(&long)), item(None, Protection::Stopped));
            assert_eq!(change(&vault, undeletes, &long, None), "allowed");
            assert_eq!(code(VaultChange::policy(&vault, None, short.clone())), "allowed");
        }
    }

    /// When an item that was deleted now can be purged.
    fn later() -> Timestamp {
        now() + SignedDuration::from_hours(24 * 14)
    }

    fn pin() -> SecurityPin {
        SecurityPin {
            expires: SecurityPin::expiry(now()),
            hash: "h".into(),
            issued: now(),
            issued_by: "alice".into(),
            token: "t".into(),
            tries_left: SecurityPin::TRIES,
            vault: vault().id,
        }
    }

    #[test]
    fn only_what_was_deleted_is_purged_and_not_before_its_time() {
        let second = SignedDuration::from_secs(1);
        let item = || item(None, Protection::Stopped);
        assert_eq!(code(VaultChange::purge(item(), Timestamp::MAX)), "UserErrorItemSoftDeleted");
        let gone = || deleted(item());
        assert_eq!(code(VaultChange::purge(gone(), later() - second)), "UserErrorItemSoftDeleted");
        assert_eq!(code(VaultChange::purge(gone(), later())), "allowed");
        assert!(!item().is_gone(Timestamp::MAX));
        assert!(!gone().is_gone(later() - second) && gone().is_gone(later()));
    }

    fn frozen(item: ProtectedItem) -> ProtectedItem {
        let freeze = Freeze { at: now(), why: vec!["all snapshots were deleted".into()] };
        ProtectedItem { frozen: Some(freeze), ..item }
    }

    #[test]
    fn nothing_that_is_frozen_is_destroyed_before_it_is_thawed() {
        let item = || frozen(item(None, Protection::Protected));
        let gone = frozen(deleted(item()));
        assert!(!gone.is_gone(Timestamp::MAX) && gone.upcoming_purge(later()).is_none());
        assert_eq!(code(VaultChange::purge(gone.clone(), Timestamp::MAX)), "UserErrorItemSoftDeleted");
        let frozen_says = "UserErrorItemFrozen";
        assert_eq!(code(VaultChange::item(&vault(), Edit::delete(item()), None, None)), frozen_says);
        let end = |deletion| VaultChange::unregister(&vault(), container(), vec![item()], deletion);
        assert_eq!(code(end(None)), frozen_says);
        // What can be undeleted is not destroyed.
        assert_eq!(code(end(deleted(item()).deletion)), "allowed");
        let deletes = Edit::replace(item(), deleted(item()));
        assert_eq!(code(VaultChange::item(&vault(), deletes, None, None)), "allowed");
        let thawed = VaultChange::thaw(gone).unwrap();
        let ChangeKind::Item(change) = thawed.kind() else { panic!("an item") };
        let after = change.edit().after().unwrap().clone();
        assert!(after.is_gone(later()));
        assert_eq!(code(VaultChange::thaw(after)), "UserErrorItemNotFrozen");
    }

    #[test]
    fn a_server_goes_with_its_backups_unless_they_can_be_undeleted() {
        let on = || item(None, Protection::Protected);
        let deletion = deleted(on()).deletion;
        for (what, items, deletion, stays, ended) in [
            ("an empty one", vec![], deletion.clone(), false, 0),
            ("with soft delete", vec![on()], deletion.clone(), true, 1),
            ("without soft delete", vec![on()], None, false, 1),
            ("with a deleted item", vec![deleted(on())], None, true, 0),
            ("with both", vec![deleted(on()), on()], deletion, true, 1),
        ] {
            let change = VaultChange::unregister(&vault(), container(), items.clone(), deletion.clone());
            let change = change.unwrap();
            assert_eq!(change.target(), Some(&container().id), "{what}");
            let ChangeKind::Server(removal) = change.kind() else { panic!("a server") };
            assert_eq!(removal.container().after().is_some(), stays, "{what}");
            assert_eq!(removal.items().len(), ended, "{what}");
            for edit in removal.items() {
                let after = edit.after().map(|item| (item.protection, item.deletion.clone()));
                assert_eq!(after, deletion.clone().map(|deletion| (Protection::Stopped, Some(deletion))));
            }
            let kept = VaultChange::unregister(&immutable(), container(), items, deletion);
            let denied = "UserErrorOperationDeniedOnImmutableItem";
            assert_eq!(code(kept), if ended > 0 { denied } else { "allowed" }, "{what}");
        }
    }

    #[test]
    fn a_pin_is_tried_five_times_in_five_minutes() {
        let mut now_at = pin();
        for left in (0..SecurityPin::TRIES).rev() {
            let change = VaultChange::try_pin(now_at.clone(), now()).unwrap();
            let ChangeKind::Pin(edit) = change.kind() else { panic!("a PIN") };
            assert_eq!(edit.before(), Some(&now_at));
            now_at = edit.after().unwrap().clone();
            assert_eq!(now_at, SecurityPin { tries_left: left, ..pin() });
        }
        let invalid = "UserErrorSecurityPinInvalid";
        assert_eq!(code(VaultChange::try_pin(now_at, now())), invalid);
        let minute = |seconds| now() + SignedDuration::from_secs(seconds);
        assert_eq!(code(VaultChange::try_pin(pin(), minute(299))), "allowed");
        assert_eq!(code(VaultChange::try_pin(pin(), minute(300))), invalid);
        for (text, is) in
            [("012345", true), ("", false), ("1234567", false), ("12345a", false), ("+12345", false)]
        {
            assert_eq!(SecurityPin::is_well_formed(text), is, "{text}");
        }
    }

    /// It is what [`VaultChange::digest`] hashes: the fields of everything in it stand in the order of their names.
    #[test]
    fn a_change_is_written_in_canonical_form() {
        let (long, short) = (policy("long", 30), policy("short", 7));
        let protected = || item(Some(&long), Protection::Protected);
        let mut full = vault();
        full.encryption = Some(json!({"z": 1, "a": {"y": null, "b": [1]}}));
        full.free.tags = [("z".to_string(), "1".to_string()), ("a".into(), "2".into())].into();
        full.free.sku = Some(json!({"name": "Standard"}));
        let proxy = GuardProxy {
            id: below("backupResourceGuardProxies/VaultProxy"),
            guard: below("g"),
            updated: now(),
        };
        let point = RecoveryPoint {
            label: None,
            id: below("recoveryPoints/1"),
            repository: "r".into(),
            at: now(),
            retain_until: None,
            snapshot: "s".into(),
            written_by: "w".into(),
            policy: Some(long.id.clone()),
        };
        let credential = RepositoryCredential {
            item: protected().id,
            previous: None,
            repository: "r".into(),
            right: RepositoryRight::Append,
            user_name: "u".into(),
            secret_hash: "h".into(),
            created: now(),
            created_by: "c".into(),
        };
        let moved = Edit::replace(protected(), deleted(item(Some(&short), Protection::Protected)));
        let mut instance = protected();
        instance.instance = Some(Instance {
            data_source: json!({"resourceID": "/disks/1", "objectType": "Datasource"}),
            free: [("validationType".to_string(), json!("DeepValidation"))].into(),
            parameters: Some(json!({"z": 1, "a": 2})),
            tags: [("z".to_string(), "1".to_string()), ("a".into(), "2".into())].into(),
        });
        let changes = [
            VaultChange::vault(Some(vault()), full.clone()),
            VaultChange::delete_vault(full, &[], &[], vec![long.clone()], Some(proxy.clone())),
            VaultChange::policy(&vault(), Some(long.clone()), short.clone()),
            VaultChange::delete_container(container(), &[]),
            VaultChange::item(&vault(), moved, Some(long.clone()), Some(short)),
            VaultChange::item(&vault(), Edit::create(instance), None, None),
            Ok(VaultChange::restore(&protected(), &point)),
            Ok(VaultChange::recovery_point(point)),
            Ok(VaultChange::rotate(credential.clone(), "g".into(), later())),
            Ok(VaultChange::credential(credential)),
            Ok(VaultChange::link(None, proxy)),
            VaultChange::unregister(&vault(), container(), vec![protected()], deleted(protected()).deletion),
            VaultChange::purge(deleted(protected()), later()),
            Ok(VaultChange::quota(None, RepositoryQuota { limit: 1, scope: protected().id })),
            Ok(VaultChange::issue_pin(None, pin())),
            VaultChange::try_pin(pin(), now()),
            Ok(VaultChange::use_pin(pin())),
        ];
        for change in changes {
            let change = change.unwrap();
            let sorted = serde_json::to_value(&change).unwrap().to_string();
            assert_eq!(serde_json::to_string(&change).unwrap(), sorted);
            assert_eq!(change.digest(), ledger::Digest::of(sorted.as_bytes()));
        }
    }

    #[test]
    fn the_security_level_says_what_can_still_be_undone() {
        let always_on = SoftDelete { state: Feature::AlwaysOn, retention_days: 14 };
        let with = |soft_delete: SoftDelete, immutability| Vault { soft_delete, immutability, ..vault() };
        let on = SoftDelete::default();
        for (vault, alone, guarded) in [
            (with(on, Immutability::Disabled), "Poor", "Fair"),
            (with(on, Immutability::Unlocked), "Fair", "Fair"),
            (with(on, Immutability::Locked), "Good", "Excellent"),
            (with(always_on, Immutability::Disabled), "Good", "Excellent"),
            (with(always_on, Immutability::Locked), "Good", "Excellent"),
        ] {
            assert_eq!(SecurityLevel::of(&vault, false).as_str(), alone);
            assert_eq!(SecurityLevel::of(&vault, true).as_str(), guarded);
        }
    }

    fn vaults() -> impl Strategy<Value = Vault> {
        let feature = || prop::sample::select(FEATURES.to_vec());
        let parts = (feature(), 14..=180_u16, feature(), prop::sample::select(IMMUTABILITIES.to_vec()));
        parts.prop_map(|(state, retention_days, enhanced_security, immutability)| Vault {
            soft_delete: SoftDelete { state, retention_days },
            enhanced_security,
            immutability,
            ..vault()
        })
    }

    proptest! {
        /// However many changes are tried one after the other: what was once for good stays for good.
        #[test]
        fn one_way_is_one_way(steps in prop::collection::vec(vaults(), 1..12)) {
            let mut state = vault();
            for step in steps {
                let before = state.clone();
                if VaultChange::vault(Some(before.clone()), step.clone()).is_ok() {
                    state = step;
                }
                prop_assert!(before.soft_delete.state != Feature::AlwaysOn
                    || state.soft_delete.state == Feature::AlwaysOn);
                prop_assert!(before.enhanced_security != Feature::AlwaysOn
                    || state.enhanced_security == Feature::AlwaysOn);
                prop_assert!(before.immutability != Immutability::Locked
                    || state.immutability == Immutability::Locked);
            }
        }

        /// A permit is bound to a change by its digest.
        #[test]
        fn a_change_has_one_digest_and_no_other_change_has_it(a in vaults(), b in vaults()) {
            let change = |after: &Vault| VaultChange::vault(None, after.clone()).unwrap().digest();
            prop_assert_eq!(change(&a), change(&a));
            prop_assert_eq!(change(&a) == change(&b), a == b);
        }
    }
}
