import Torch

/// Minimises a smooth convex function without randomness.
///
/// The method is limited-memory BFGS (Liu and Nocedal, 1989) with Armijo's rule.
struct LBFGS {
  /// The number of pairs of steps that estimate the curvature.
  var memory = 10
  /// The search stops if no element of the gradient is larger.
  var tolerance = 1e-4
  /// The maximum number of steps.
  var limit = 1000

  /// The end of the search.
  struct Result {
    /// The final point.
    let point: Tensor
    /// Whether its gradient is within the tolerance; false if the gradient is not a number.
    let converged: Bool
  }

  /// Searches the minimum.
  ///
  /// - Parameters:
  ///   - start: the first point, one dimension, float64.
  ///   - function: returns the value and the gradient at a point.
  /// - Returns: the end of the search.
  /// - Throws: the errors of the function.
  public func minimum(
    from start: Tensor, _ function: (Tensor) throws -> (value: Double, gradient: Tensor)
  ) throws -> Result {
    var point = start
    var (value, gradient) = try function(point)
    var (steps, changes): ([Tensor], [Tensor]) = ([], [])
    for iteration in 0..<limit {
      let largest = try gradient.magnitude().max([0]).item()
      guard largest > tolerance else { return Result(point: point, converged: largest.isFinite) }
      let (direction, slope) = try descent(gradient, steps, changes)
      var length = iteration == 0 ? min(1, 1 / largest) : 1
      var step = try direction * length
      var next = try point + step
      var (reached, slopeThere) = try function(next)
      while !(reached <= value + 1e-4 * length * slope) {
        length /= 2
        // No step decreases the function: the precision of the arithmetic is reached.
        guard length > 1e-12 else { return Result(point: point, converged: false) }
        step = try direction * length
        next = try point + step
        (reached, slopeThere) = try function(next)
      }
      steps = steps.suffix(memory - 1) + [step]
      changes = try changes.suffix(memory - 1) + [slopeThere - gradient]
      (point, value, gradient) = (next, reached, slopeThere)
    }
    return Result(point: point, converged: false)
  }

  /// Returns the descent direction of the curvature estimate, and the function's slope along it.
  ///
  /// The two loops of the method need only inner products of the steps, the gradient changes and
  /// the gradient. One matrix product gives them all, and another gives the direction (Chen et al.,
  /// 2014).
  private func descent(
    _ gradient: Tensor, _ steps: [Tensor], _ changes: [Tensor]
  ) throws -> (direction: Tensor, slope: Double) {
    let count = steps.count
    let base = try Tensor.stacked(steps + changes + [gradient])
    let products = try base.matmul(base.transposed()).doubles()
    let width = 2 * count + 1
    func product(_ weights: [Double], _ row: Int) -> Double {
      (0..<width).reduce(0) { $0 + weights[$1] * products[$1 * width + row] }
    }
    func curvature(_ pair: Int) -> Double { products[pair * width + count + pair] }
    let last = 2 * count
    var weights = [Double](repeating: 0, count: width)
    weights[last] = -1
    // If rounding prevents a rise of the gradient along a step, the step tells nothing about
    // curvature.
    let pairs = (0..<count).filter { curvature($0) > 0 }
    var found = [Double](repeating: 0, count: count)
    for pair in pairs.reversed() {
      found[pair] = product(weights, pair) / curvature(pair)
      weights[count + pair] -= found[pair]
    }
    if let newest = pairs.last {
      let change = count + newest
      let scale = curvature(newest) / products[change * width + change]
      for index in weights.indices { weights[index] *= scale }
    }
    for pair in pairs {
      weights[pair] += found[pair] - product(weights, count + pair) / curvature(pair)
    }
    let slope = product(weights, last)
    guard slope < 0 else { return (try -gradient, -products[last * width + last]) }
    return (try Tensor(weights, shape: [1, width]).matmul(base).squeezed(0), slope)
  }
}
