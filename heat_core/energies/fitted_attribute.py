"""Attributes that `fit` sets, with an error that asks for `fit` when they are read before."""

from typing import Generic, TypeVar, overload

from sklearn import exceptions

from heat_core.errors import HeatError

Value = TypeVar("Value")


class NotFittedError(HeatError, exceptions.NotFittedError):  # type: ignore[misc]  # scikit-learn has no types
    """Error of a method that is used before `fit`, which scikit-learn knows as such."""


class FittedAttribute(Generic[Value]):
    """Descriptor of an attribute that `fit` will set.

    Once the attribute is set on an instance, the instance's value is read. Reading it before raises a `NotFittedError`
    that asks for `fit`.

    Example:
        class Detector:
            heads_ = FittedAttribute[list[Head]]()
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
        raise NotFittedError(f"{owner.__name__} is not fitted yet ({self._name} is missing): call fit first.")
