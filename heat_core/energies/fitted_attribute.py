"""What `fit` leaves on an object, and the sentence that asks for `fit` where it was forgotten."""

from typing import Generic, TypeVar, overload

from heat_core.errors import HeatError

Value = TypeVar("Value")


class FittedAttribute(Generic[Value]):
    """A class attribute that stands for what `fit` will set: `_heads = FittedAttribute[list[Head]]()`.

    Setting it on an instance hides it there; reading it before is a HeatError instead of an AttributeError.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "FittedAttribute[Value]": ...

    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...

    def __get__(self, instance: object | None, owner: type) -> "FittedAttribute[Value] | Value":
        if instance is None:
            return self
        raise HeatError(f"{owner.__name__} is not fitted yet ({self._name} is missing): call fit first.")
