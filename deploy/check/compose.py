"""Checks a Compose file against the specification's schema, and that what it mounts from here exists.

    compose.py SCHEMA.json compose.yaml
"""
import json
import pathlib
import sys

import jsonschema
import yaml

schema, compose = sys.argv[1:]
with open(compose) as file:
    text = yaml.safe_load(file)
with open(schema) as file:
    validator = jsonschema.Draft201909Validator(json.load(file))
wrong = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(text)]
folder = pathlib.Path(compose).parent
for name, service in text["services"].items():
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            if not (folder / source).exists():
                wrong.append(f"{name}: {source} does not exist")
        elif source not in text["volumes"]:
            wrong.append(f"{name}: the volume {source} is not declared")
    for other in service.get("depends_on", {}):
        if other not in text["services"]:
            wrong.append(f"{name}: depends on {other}, which is not there")
        elif "healthcheck" not in text["services"][other]:
            wrong.append(f"{name}: waits for the health of {other}, which has no check")
print("\n".join(wrong))
sys.exit(len(wrong) > 0)
