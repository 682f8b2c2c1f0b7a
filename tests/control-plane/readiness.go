package main

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
)

// readyz asks the API server whether it says of itself that it is ready.
func readyz(api kubernetes.Interface) func(context.Context) error {
	return func(ctx context.Context) error {
		return api.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}
}

// filled makes sure of what every cluster has that an API server alone has
// not: the namespace `default` and the rules of the aggregated ClusterRoles.
func filled(api kubernetes.Interface) func(context.Context) error {
	return func(ctx context.Context) error {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: metav1.NamespaceDefault}}
		_, err := api.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		roles, err := api.RbacV1().ClusterRoles().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		return aggregated(roles.Items)
	}
}

// aggregated returns an error while an aggregated ClusterRole lacks a rule of
// a role it selects. `admin` takes in `edit`, which takes in `view`, so the
// controller needs several rounds until nothing changes any more.
func aggregated(roles []rbacv1.ClusterRole) error {
	for _, name := range []string{"view", "edit", "admin"} {
		if !slices.ContainsFunc(roles, func(role rbacv1.ClusterRole) bool {
			return role.Name == name && len(role.Rules) > 0
		}) {
			return fmt.Errorf("ClusterRole %q has no rules yet", name)
		}
	}
	for _, role := range roles {
		if role.AggregationRule == nil {
			continue
		}
		for _, selector := range role.AggregationRule.ClusterRoleSelectors {
			matches, err := metav1.LabelSelectorAsSelector(&selector)
			if err != nil {
				return err
			}
			for _, source := range roles {
				if source.Name != role.Name && matches.Matches(labels.Set(source.Labels)) && !holds(role.Rules, source.Rules) {
					return fmt.Errorf("ClusterRole %q lacks rules of %q", role.Name, source.Name)
				}
			}
		}
	}
	return nil
}

func holds(rules, wanted []rbacv1.PolicyRule) bool {
	for _, rule := range wanted {
		if !slices.ContainsFunc(rules, func(held rbacv1.PolicyRule) bool {
			return equality.Semantic.DeepEqual(held, rule)
		}) {
			return false
		}
	}
	return true
}
