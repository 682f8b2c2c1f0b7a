//! An embedded Kubernetes API server: RBAC, namespaces and access reviews.
