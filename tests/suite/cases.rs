//! The cases that a real API server and the sandbox are both held to.

/// Makes tests of what the provider does there: `$test!` is told the module and the names of its cases.
macro_rules! every_case {
    ($test:ident) => {
        $test!(
            suite: each_kind_is_created_updated_and_deleted_and_each_a_second_time_is_nothing,
            what_is_not_ours_is_never_taken_over,
            fields_that_others_took_are_named_and_taken_back_only_by_force,
            an_aggregation_rule_on_a_role_of_ours_is_taken_away,
            a_role_is_added_to_view_and_taken_out_again,
            an_object_made_anew_is_not_the_one_that_was_planned,
            the_role_of_a_binding_cannot_be_changed,
            another_cluster_behind_the_context_is_neither_read_nor_written,
            a_list_of_several_pages_is_read_whole,
            a_plugin_gives_the_credential,
            a_server_that_is_not_there_is_unreachable,
            a_missing_right_to_read_is_named,
            an_identity_cannot_give_what_it_does_not_have_and_is_told_what_it_lacks,
            what_we_may_do_is_answered_as_the_authorizer_does,
        );
    };
}

/// The same with conversations: `$test!` is told a module of `answers`, what its conversations are about, and their names.
macro_rules! every_conversation {
    ($test:ident) => {
        $test!(
            lists "lists, pages and selectors": a_list_is_read_in_pages_of_one_moment,
            a_page_token_that_expired_says_how_to_go_on,
            selectors_choose_by_labels_and_names,
        );
        $test!(
            apply "server-side apply": an_apply_that_changes_nothing_keeps_the_version,
            a_conflict_names_the_manager_and_the_fields,
            what_cannot_be_applied_is_refused,
            create_by_apply_may_be_limited_to_names,
        );
        $test!(
            preconditions "preconditions, roleRef, defaulting": a_write_may_be_for_one_object_and_one_version_only,
            the_role_of_a_binding_stays,
            groups_of_subjects_and_roles_are_filled_in,
        );
        $test!(
            aggregation "bootstrap roles and aggregation": an_api_server_starts_with_these_roles_and_bindings,
            what_is_labelled_for_a_role_is_in_it_a_moment_later,
        );
        $test!(
            authorizer "access reviews": rules_match_byte_by_byte_but_for_three_stars,
            subjects_and_bindings_are_taken_as_they_are,
            a_right_in_a_namespace_is_one_on_the_namespace,
            a_review_asks_one_thing_about_somebody,
        );
        $test!(
            escalation "escalation and bind": a_role_holds_no_more_than_its_writer,
            binding_takes_bind_or_the_rights,
            what_a_binding_could_not_resolve_is_said,
        );
        $test!(
            impersonation "impersonation": whoever_is_impersonated_is_in_these_groups,
            acting_as_somebody_takes_a_right_to_each_part_of_them,
        );
        $test!(
            objects "service accounts and custom resources": a_service_account_is_an_object_and_somebody,
            a_custom_resource_is_defined_and_its_objects_are_kept,
        );
        $test!(
            leases "leases": a_lease_is_written_only_as_the_version_that_was_read,
        );
    };
}
