extension Tensor {
  /// Adds, elementwise with broadcasting.
  public static func + (left: Tensor, right: Tensor) throws -> Tensor { try Operators.add(left, right) }
  /// Adds a number to every element.
  public static func + (left: Tensor, right: Double) throws -> Tensor { try Operators.addScalar(left, right) }
  /// Adds every element to a number.
  public static func + (left: Double, right: Tensor) throws -> Tensor { try Operators.addScalar(right, left) }
  /// Subtracts, elementwise with broadcasting.
  public static func - (left: Tensor, right: Tensor) throws -> Tensor { try Operators.sub(left, right) }
  /// Subtracts a number from every element.
  public static func - (left: Tensor, right: Double) throws -> Tensor { try Operators.subScalar(left, right) }
  /// Subtracts every element from a number.
  public static func - (left: Double, right: Tensor) throws -> Tensor {
    try Operators.rsubScalar(right, left)
  }
  /// Multiplies, elementwise with broadcasting.
  public static func * (left: Tensor, right: Tensor) throws -> Tensor { try Operators.mul(left, right) }
  /// Multiplies every element by a number.
  public static func * (left: Tensor, right: Double) throws -> Tensor { try Operators.mulScalar(left, right) }
  /// Multiplies every element by a number.
  public static func * (left: Double, right: Tensor) throws -> Tensor { try Operators.mulScalar(right, left) }
  /// Divides, elementwise with broadcasting.
  public static func / (left: Tensor, right: Tensor) throws -> Tensor { try Operators.div(left, right) }
  /// Divides every element by a number.
  public static func / (left: Tensor, right: Double) throws -> Tensor { try Operators.divScalar(left, right) }
  /// Negates every element.
  public static prefix func - (value: Tensor) throws -> Tensor { try Operators.neg(value) }

  /// Adds another tensor, scaled, into this one.
  @discardableResult
  public func addInPlace(_ other: Tensor, scale: Double = 1) throws -> Tensor {
    try Operators.addInPlace(self, other, named: ["alpha": scale])
  }
  /// Multiplies this tensor by a number, in place.
  @discardableResult
  public func multiplyInPlace(_ factor: Double) throws -> Tensor { try Operators.mulInPlace(self, factor) }

  /// Raises to a power.
  public func power(_ exponent: Double) throws -> Tensor { try Operators.powScalar(self, exponent) }
  /// Returns e to the power of each element.
  public func exp() throws -> Tensor { try Operators.exp(self) }
  /// Returns the natural logarithm.
  public func log() throws -> Tensor { try Operators.log(self) }
  /// Returns the sine.
  public func sin() throws -> Tensor { try Operators.sin(self) }
  /// Returns the cosine.
  public func cos() throws -> Tensor { try Operators.cos(self) }
  /// Returns the angle of the points (x, self) from the x axis, −π to π.
  public func angle(x: Tensor) throws -> Tensor { try Operators.atan2(self, x) }
  /// Returns the hyperbolic tangent.
  public func tanh() throws -> Tensor { try Operators.tanh(self) }
  /// Returns the square root.
  public func squareRoot() throws -> Tensor { try Operators.sqrt(self) }
  /// Returns the magnitude.
  public func magnitude() throws -> Tensor { try Operators.abs(self) }
  /// Rounds to the nearest integer, halves to even.
  public func rounded() throws -> Tensor { try Operators.round(self) }
  /// Rounds down.
  public func floor() throws -> Tensor { try Operators.floor(self) }
  /// Limits the elements to a range; nil leaves a side open.
  public func clamped(min: Double? = nil, max: Double? = nil) throws -> Tensor {
    try Operators.clamp(self, min, max)
  }
  /// Returns the larger of two elements, elementwise.
  public func maximum(_ other: Tensor) throws -> Tensor { try Operators.maximum(self, other) }
  /// Returns the smaller of two elements, elementwise.
  public func minimum(_ other: Tensor) throws -> Tensor { try Operators.minimum(self, other) }

  /// Chooses `a` where this tensor (bool) is true, otherwise `b`, elementwise.
  public func choose(_ a: Tensor, else b: Tensor) throws -> Tensor { try Operators.whereSelf(self, a, b) }

  /// Compares elementwise for equality, bool.
  public func equals(_ other: Tensor) throws -> Tensor { try Operators.eq(self, other) }
  /// Compares every element with a number for equality, bool.
  public func equals(_ other: Double) throws -> Tensor { try Operators.eqScalar(self, other) }
  /// Computes self > other elementwise, bool.
  public func greater(than other: Double) throws -> Tensor { try Operators.gtScalar(self, other) }
  /// Computes self > other elementwise, bool.
  public func greater(than other: Tensor) throws -> Tensor { try Operators.gt(self, other) }
  /// Computes self ≥ other elementwise, bool.
  public func atLeast(_ other: Double) throws -> Tensor { try Operators.geScalar(self, other) }
  /// Computes self ≥ other elementwise, bool.
  public func atLeast(_ other: Tensor) throws -> Tensor { try Operators.ge(self, other) }
  /// Computes self < other elementwise, bool.
  public func less(than other: Double) throws -> Tensor { try Operators.ltScalar(self, other) }
  /// Computes the elementwise logical and.
  public func and(_ other: Tensor) throws -> Tensor { try Operators.logicalAnd(self, other) }
  /// Computes the elementwise logical or.
  public func or(_ other: Tensor) throws -> Tensor { try Operators.logicalOr(self, other) }
  /// Computes the elementwise logical not.
  public func not() throws -> Tensor { try Operators.logicalNot(self) }

  /// Returns whether both tensors have the same shape and elements.
  public func isEqual(to other: Tensor) throws -> Bool {
    guard shape == other.shape, dtype == other.dtype else { return false }
    guard case .bool(let equal)? = try Operators.equal.all(self, other).first else { return false }
    return equal
  }

  /// Returns whether every element is neither infinite nor NaN.
  public func isFinite() throws -> Bool { try Operators.all(Operators.isfinite(self)).item() != 0 }
}
