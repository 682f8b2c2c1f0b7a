//! Kubernetes RBAC over kube-rs.
