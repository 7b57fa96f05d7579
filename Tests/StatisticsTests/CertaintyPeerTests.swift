import Foundation
import TestSupport
import Testing
import Torch

@testable import Metrics
@testable import Statistics

/// Agreement with NumPy and SciPy on `Fixtures/certainty.json`, made by `Fixtures/make_certainty.py`.
@Suite("Certainty beside NumPy and SciPy")
struct CertaintyPeerTests {
  struct Fixture: Decodable {
    struct Scaling: Decodable {
      let logits, positives, negatives: [Double]
      let scale, bias, temperature_alone: Double
    }
    struct Laplace: Decodable {
      let features, covariance, new: [[Double]]
      let probability, diagonal, variance, logits, adjusted: [Double]
      let prior: Double
    }
    struct Distances: Decodable {
      let groups: [[[Double]]]
      let new: [[Double]]
      let mahalanobis, fifth_neighbour: [Double]
    }
    struct Coverage: Decodable {
      let uncertainty, risk, counts, risks: [Double]
      let area, half, counted_area: Double
    }
    struct Ridge: Decodable {
      let rows: [[Double]]
      let targets, weights: [Double]
      let penalty, constant: Double
    }
    struct Student: Decodable {
      let degrees: Int
      let value: Double
    }
    let scaling: Scaling
    let laplace: Laplace
    let distances: Distances
    let coverage: Coverage
    let ridge: Ridge
    let student: [Student]
  }

  private let fixture: Fixture

  init() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/certainty.json")
    fixture = try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
  }

  private func matrix(_ rows: [[Double]]) throws -> Tensor {
    try Tensor(rows.flatMap { $0 }, shape: [rows.count, rows.first?.count ?? 0])
  }

  private func agree(_ found: [Double], _ wanted: [Double], within tolerance: Double = 1e-9) -> Bool {
    found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) <= tolerance }
  }

  @Test("Scale and bias are those of the minimum of the log loss")
  func scaling() {
    let wanted = fixture.scaling
    let found = LogitScaling.fitted(
      logits: wanted.logits, positives: wanted.positives, negatives: wanted.negatives)
    #expect(abs(found.scale - wanted.scale) < 1e-5 && abs(found.bias - wanted.bias) < 1e-5, "\(found)")
    let alone = LogitScaling.fitted(
      logits: wanted.logits, positives: wanted.positives, negatives: wanted.negatives, fitsBias: false)
    #expect(abs(alone.temperature - wanted.temperature_alone) < 1e-4 && alone.bias == 0, "\(alone)")
  }

  @Test("Cases of one kind leave probabilities as they are, and perfect separation has an end")
  func degenerateScaling() {
    #expect(LogitScaling.fitted(logits: [1, 2], positives: [0, 0], negatives: [3, 4]) == .identity)
    #expect(LogitScaling.fitted(logits: [], positives: [], negatives: []) == .identity)
    let found = LogitScaling.fitted(logits: [-1, 1], positives: [0, 5], negatives: [5, 0])
    #expect(found.isUsable && found.scale > 1)
  }

  @Test("Laplace's covariance, variance and adjusted logits are those of the Hessian")
  func laplace() throws {
    let wanted = fixture.laplace
    let curvature = try LogisticLaplace.Curvature(
      features: matrix(wanted.features), probability: Tensor(wanted.probability, shape: [12]))
    #expect(curvature.count == 12)
    let found = try LogisticLaplace(curvature: curvature.matrix, prior: wanted.prior)
    #expect(try difference(found.covariance, matrix(wanted.covariance)) < 1e-9)
    let variance = try found.variance(of: matrix(wanted.new))
    #expect(agree(try variance.doubles(), wanted.variance))
    let adjusted = try LogisticLaplace.adjusted(Tensor(wanted.logits, shape: [5]), variance: variance)
    #expect(agree(try adjusted.doubles(), wanted.adjusted))
    // A stored covariance gives the same variances.
    let stored = try LogisticLaplace(covariance: found.covariance)
    #expect(agree(try stored.variance(of: matrix(wanted.new)).doubles(), wanted.variance))
    let diagonal = try LogisticLaplace(curvature: curvature.matrix, prior: wanted.prior, isDiagonal: true)
    let values = try diagonal.covariance.doubles()
    #expect(agree((0..<4).map { values[5 * $0] }, wanted.diagonal))
    // Two halves add up to the whole.
    let halves = try [0, 6].map { start in
      try LogisticLaplace.Curvature(
        features: matrix(Array(wanted.features[start..<start + 6])),
        probability: Tensor(Array(wanted.probability[start..<start + 6]), shape: [6]))
    }
    let sum = try halves[0].adding(halves[1])
    #expect(try sum.count == 12 && difference(sum.matrix, curvature.matrix) < 1e-9)
  }

  @Test("A covariance that cannot be one is refused")
  func wrongCovariance() throws {
    #expect(throws: TorchError.self) { try LogisticLaplace(covariance: matrix([[1, 0], [0, -1]])) }
    #expect(throws: TorchError.self) { try LogisticLaplace(covariance: matrix([[1, 0]])) }
    #expect(throws: TorchError.self) { try LogisticLaplace(curvature: matrix([[1]]), prior: 0) }
    #expect(throws: TorchError.self) { try LogisticLaplace(curvature: matrix([[.nan]]), prior: 1) }
  }

  @Test("Mahalanobis' distance to the nearest group, and the fifth neighbour")
  func distances() throws {
    let wanted = fixture.distances
    let groups = try wanted.groups.map(matrix)
    let mahalanobis = try FeatureDistance.Mahalanobis(groups: groups)
    #expect(agree(try mahalanobis(matrix(wanted.new)).doubles(), wanted.mahalanobis, within: 1e-7))
    let neighbours = try FeatureDistance.Neighbours(.concatenated(groups, dim: 0), neighbour: 5)
    #expect(agree(try neighbours(matrix(wanted.new)).doubles(), wanted.fifth_neighbour, within: 1e-7))
    // A known image is at distance 0 from itself, and fewer images than k give the farthest.
    let one = try FeatureDistance.Neighbours(matrix([[1, 2], [3, 1]]), neighbour: 1)
    #expect(try one(matrix([[1, 2]])).item() < 1e-6)
    let few = try FeatureDistance.Neighbours(matrix([[1, 2], [3, 1]]), neighbour: 5)
    #expect(few.neighbour == 2)
    #expect(throws: TorchError.self) { try FeatureDistance.Neighbours(.zeros([0, 3]), neighbour: 1) }
    #expect(throws: TorchError.self) { try FeatureDistance.Mahalanobis(groups: []) }
  }

  @Test("The area under the risk-coverage curve, case by case and counted")
  func coverage() throws {
    let wanted = fixture.coverage
    let found = RiskCoverage(uncertainties: wanted.uncertainty, risks: wanted.risk)
    #expect(found.count == 400)
    #expect(abs(try #require(found.area) - wanted.area) < 1e-12)
    #expect(abs(try #require(found.selectiveRisk(coverage: 0.5)) - wanted.half) < 1e-12)
    // Three uncertainties of many cases each.
    var counts = RiskCounts()
    for (index, (count, risk)) in zip(wanted.counts, wanted.risks).enumerated() {
      counts.add(0.1 + 0.3 * Double(index), count: count, risk: risk)
    }
    #expect(abs(try #require(counts.curve.area) - wanted.counted_area) < 1e-10)
  }

  @Test("Ridge regression, with a constant column")
  func ridge() throws {
    let wanted = fixture.ridge
    let found = try RidgeRegression(rows: wanted.rows, targets: wanted.targets, penalty: wanted.penalty)
    #expect(agree(found.weights, wanted.weights) && abs(found.constant - wanted.constant) < 1e-9)
    #expect(abs(found([0, 0, 0]) - found.constant) < 1e-12)
    #expect(throws: TorchError.self) { try RidgeRegression(rows: [], targets: [], penalty: 1) }
    #expect(throws: TorchError.self) { try RidgeRegression(rows: [[.nan]], targets: [1], penalty: 1) }
  }

  @Test("Student's t for 95 %")
  func student() {
    for wanted in fixture.student {
      let found = StudentDistribution.twoSided95(degrees: wanted.degrees)
      #expect(abs(found - wanted.value) < 1e-8, "\(wanted.degrees): \(found)")
    }
  }
}
