"""Which runtimes may a cluster run? The list alone: the sandbox runs serverless tasks and has no clusters."""

from databricks.sdk.service.compute import GetSparkVersionsResponse, SparkVersion

from app.sandbox.wire import Call, Routes

routes = Routes()
# The form of keys and names is the platform's; which of them there are changes with its releases.
VERSIONS = {
    "13.3.x-scala2.12": "13.3 LTS (includes Apache Spark 3.4.1, Scala 2.12)",
    "15.4.x-scala2.12": "15.4 LTS (includes Apache Spark 3.5.0, Scala 2.12)",
    "16.4.x-scala2.12": "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)",
    "17.3.x-scala2.13": "17.3 LTS (includes Apache Spark 4.0.0, Scala 2.13)",
}


@routes.get("/api/2.1/clusters/spark-versions")
def list_spark_versions(call: Call) -> GetSparkVersionsResponse:
    """Any member may ask."""
    return GetSparkVersionsResponse(versions=[SparkVersion(key=key, name=name) for key, name in VERSIONS.items()])
