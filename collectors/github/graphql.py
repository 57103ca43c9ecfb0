"""The questions to GitHub that only GraphQL answers: discussions, and many nodes by their ids at once."""

from collections.abc import Iterator, Mapping, Sequence

from collectors.http import JsonReader
from collectors.rows import Row
from overheard.errors import CollectorError

_AUTHOR = "author { __typename login ... on User { databaseId } }"
COMMENT = f"id body url createdAt updatedAt isMinimized {_AUTHOR}"
TITLED = f"id title body url createdAt updatedAt {_AUTHOR}"

_DISCUSSIONS = f"""
query($owner: String!, $name: String!, $after: String) {{
  repository(owner: $owner, name: $name) {{
    discussions(first: 20, after: $after, orderBy: {{field: UPDATED_AT, direction: DESC}}) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{
        {TITLED}
        comments(last: 50) {{ nodes {{ {COMMENT} replies(last: 20) {{ nodes {{ {COMMENT} }} }} }} }}
      }}
    }}
  }}
}}"""

_NODES = f"""
query($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    __typename
    ... on Issue {{ {TITLED} }}
    ... on IssueComment {{ {COMMENT} }}
    ... on Discussion {{ {TITLED} }}
    ... on DiscussionComment {{ {COMMENT} }}
  }}
}}"""

_RATE_LIMITED_FOR = 900.0  # seconds, where nothing says how long


def discussions(reader: JsonReader, owner: str, name: str) -> Iterator[tuple[Sequence[Row], bool]]:
    """Discussions by their last change, the newest first: each page, and whether there is another."""
    after: str | None = None
    while True:
        data = _ask(reader, _DISCUSSIONS, {"owner": owner, "name": name, "after": after})
        repository = data.get("repository")
        found = repository.get("discussions") if isinstance(repository, dict) else None
        page = found.get("pageInfo") if isinstance(found, dict) else None
        if not isinstance(found, dict) or not isinstance(page, dict):
            raise CollectorError(f"GitHub answered the discussions of {owner}/{name} in an unknown form.")
        has_more = page.get("hasNextPage") is True
        yield nodes_in(found), has_more
        if not has_more:
            return
        after = str(page.get("endCursor"))


def nodes(reader: JsonReader, ids: Sequence[str]) -> Mapping[str, Row | None]:
    """Each node by its id; None for those that are gone."""
    data = _ask(reader, _NODES, {"ids": list(ids)}, may_miss=True)
    found = data.get("nodes")
    if not isinstance(found, list) or len(found) != len(ids):
        raise CollectorError("GitHub answered a question for nodes with another number of them.")
    return {id_: node if isinstance(node, dict) else None for id_, node in zip(ids, found, strict=True)}


def node(reader: JsonReader, query: str, id_: str, **variables: object) -> Row | None:
    """What a query about one node gives; None where there is no such node."""
    found = _ask(reader, query, {"id": id_, **variables}, may_miss=True).get("node")
    return found if isinstance(found, dict) and found else None


def nodes_in(connection: object) -> list[Row]:
    """The nodes of a GraphQL connection."""
    found = connection.get("nodes") if isinstance(connection, dict) else None
    return [node for node in found if isinstance(node, dict)] if isinstance(found, list) else []


def _ask(reader: JsonReader, query: str, variables: Row, *, may_miss: bool = False) -> Row:
    answer = reader.post("graphql", {"query": query, "variables": variables})
    if not isinstance(answer, dict):
        raise CollectorError("GitHub answered GraphQL in an unknown form.")
    errors = [error for error in answer.get("errors") or () if isinstance(error, dict)]
    kinds = {error.get("type") for error in errors}
    if "RATE_LIMITED" in kinds:
        raise CollectorError("GitHub's limit for GraphQL is used up.", retry_after=_RATE_LIMITED_FOR)
    data = answer.get("data")
    missing_only = may_miss and kinds <= {"NOT_FOUND"}
    if not isinstance(data, dict) or (errors and not missing_only):
        said = "; ".join(str(error.get("type") or "error") for error in errors)
        raise CollectorError(f"GitHub could not answer GraphQL: {said or 'no data'}.")
    return data
