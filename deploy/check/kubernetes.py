"""Checks the objects of a YAML file against the schemas of Kubernetes; writes those of the Prometheus operator as JSON.

    kubernetes.py BASE.yaml OPERATOR.json
"""
import json
import sys

import kubernetes_validate
import yaml

VERSIONS = ["1.29", "1.37"]

base, operator = sys.argv[1:]
with open(base) as file:
    objects = [one for one in yaml.safe_load_all(file) if one]
own = [one for one in objects if one["apiVersion"].startswith("monitoring.coreos.com/")]
wrong = 0
for one in objects:
    name = f"{one['kind']} {one['metadata']['name']}"
    if one in own:
        continue
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            wrong += 1
            print(f"{name} ({version}): {error}")
kinds = {one["kind"] for one in objects}
for kind in ["StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy", "ConfigMap", "ServiceMonitor", "PrometheusRule"]:
    if kind not in kinds:
        wrong += 1
        print(f"there is no {kind}")
with open(operator, "w") as file:
    json.dump(own, file)
sys.exit(wrong > 0)
