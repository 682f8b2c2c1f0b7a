//! The cases that a real API server and the sandbox are both held to.

/// Makes tests of all of them: `$test!` is told a module of the suite and the names of its cases.
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
        $test!(
            answers: a_role_holds_no_more_than_its_writer,
            binding_takes_bind_or_the_rights,
            what_a_binding_could_not_resolve_is_said,
            whoever_is_impersonated_is_in_these_groups,
            a_service_account_is_an_object_and_somebody,
            a_custom_resource_is_defined_and_its_objects_are_kept,
            a_list_is_read_in_pages_of_one_moment,
        );
    };
}
