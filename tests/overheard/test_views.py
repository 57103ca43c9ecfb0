import pytest
from sqlalchemy.orm import Session

from overheard.desk import views
from overheard.errors import InvalidInput, NotFound
from tests.factories import Cast


def test_a_view_is_ones_own_until_it_is_shared(session: Session, cast: Cast) -> None:
    mine = views.save(session, cast.sam, name="  Reddit   pains ", params="platform=reddit&intent=pain")
    views.save(session, cast.sue, name="Hers", params="")
    assert [(view.saved.name, view.owner) for view in views.visible(session, cast.sam)] == [("Reddit pains", "Sam")]
    views.share(session, cast.sam, mine.id, is_shared=True)
    assert [(view.saved.name, view.owner) for view in views.visible(session, cast.sue)] == [
        ("Hers", "Sue"),
        ("Reddit pains", "Sam"),
    ]
    views.share(session, cast.sam, mine.id, is_shared=False)
    assert [view.saved.name for view in views.visible(session, cast.sue)] == ["Hers"]


def test_a_name_that_is_used_again_gets_the_new_filters(session: Session, cast: Cast) -> None:
    first = views.save(session, cast.sam, name="Mine", params="score=0.8")
    assert views.save(session, cast.sam, name="Mine", params="score=0.9", is_shared=True) is first
    assert (first.params, first.is_shared) == ("score=0.9", True)
    assert views.save(session, cast.sue, name="Mine", params="").id != first.id


def test_only_its_owner_changes_a_view(session: Session, cast: Cast) -> None:
    view = views.save(session, cast.sam, name="Mine", params="", is_shared=True)
    with pytest.raises(NotFound, match="You have no view"):
        views.share(session, cast.sue, view.id, is_shared=False)
    for user, view_id in ((cast.sue, view.id), (cast.sam, view.id + 1)):
        with pytest.raises(NotFound, match="You have no view"):
            views.delete(session, user, view_id)
    views.delete(session, cast.sam, view.id)
    assert views.visible(session, cast.sam) == []


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_view_has_a_name_of_bounded_length(session: Session, cast: Cast, name: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 60 characters"):
        views.save(session, cast.sam, name=name, params="")


def test_there_is_an_end_to_views(session: Session, cast: Cast) -> None:
    for number in range(views.MAX_VIEWS):
        views.save(session, cast.sam, name=f"View {number}", params="")
    with pytest.raises(InvalidInput, match="delete one first"):
        views.save(session, cast.sam, name="One more", params="")
    views.save(session, cast.sam, name="View 3", params="score=0.5")
