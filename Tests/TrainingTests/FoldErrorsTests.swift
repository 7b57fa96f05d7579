import Foundation
import Statistics
import TestSupport
import Testing

@testable import Training

/// The correction of expected Dice by folds, by hand.
@Suite("Errors of folds")
struct FoldErrorsTests {
  private func fold(_ site: String, _ expected: Double, _ dice: Double) -> FoldErrors.Fold {
    FoldErrors.Fold(site: site, expected: expected, dice: dice)
  }

  private func estimate(_ dice: Double) -> DiceEstimator.Estimate {
    DiceEstimator.Estimate(dice: dice, low: 0.1, high: 0.9)
  }

  @Test("The mean error is added, and its spread gives the interval of a further site")
  func correction() throws {
    // Errors of −0.1, −0.2 and −0.3: their mean is −0.2, their standard deviation 0.1.
    let found = FoldErrors([fold("a", 0.8, 0.7), fold("b", 0.7, 0.5), fold("c", 0.9, 0.6)])
    #expect(abs(found.correction + 0.2) < 1e-12 && found.sites == 3)
    let half = 4.30265273 * 0.1 * (4.0 / 3).squareRoot()
    #expect(abs(try #require(found.halfWidth) - half) < 1e-6)
    let site = found.site(estimate(0.7))
    #expect(abs(site.dice - 0.5) < 1e-12)
    #expect(abs(try #require(site.low) - (0.5 - half)) < 1e-6)
    #expect(abs(try #require(site.high) - (0.5 + half)) < 1e-6)
    #expect(
      found.statement
        == "expected Dice is corrected by −0.200 (mean of 3 folds at the site that each held out)")
    #expect(found.notes == ["folds held out only 3 sites, so the correction is rough"])
  }

  @Test("The measured folds of three hospitals correct the fourth")
  func measured() {
    let folds = [fold("c1", 0.820, 0.767), fold("c2", 0.774, 0.714), fold("c3", 0.869, 0.785)]
    // The mean error is −(0.053 + 0.060 + 0.084) / 3.
    #expect(abs(FoldErrors(folds).image(0.591) - 0.5253) < 1e-4)
  }

  @Test("Dice stays from 0 to 1, and so do the ends of the interval")
  func limits() throws {
    let worse = FoldErrors([fold("a", 0.9, 0.3), fold("b", 0.9, 0.1)])
    #expect(worse.image(0.5) == 0 && worse.site(estimate(0.5)).dice == 0)
    #expect(worse.site(estimate(0.5)).low == 0)
    let better = FoldErrors([fold("a", 0.3, 0.9), fold("b", 0.1, 0.9)])
    #expect(better.image(0.5) == 1 && better.site(estimate(0.5)).high == 1)
  }

  @Test("Folds of the same site count as one")
  func sameSite() {
    let found = FoldErrors([fold("a", 0.8, 0.7), fold("a", 0.8, 0.5), fold("b", 0.9, 0.5)])
    #expect(found.sites == 2 && abs(found.correction + 0.3) < 1e-12)
    #expect(found.statement.contains("mean of 3 folds of 2 sites"), "\(found.statement)")
  }

  @Test("A single fold corrects, but gives no interval")
  func single() {
    let found = FoldErrors([fold("a", 0.75, 0.5)])
    let site = found.site(estimate(0.5))
    #expect(site.dice == 0.25 && site.low == nil && site.high == nil)
    #expect(found.notes.contains { $0.contains("no interval") })
    #expect(found.statement.contains("−0.250 (one fold at the site that it held out)"), "\(found.statement)")
  }

  @Test("They are stored as a list, and numbers that are no Dice are found")
  func storage() throws {
    let found = FoldErrors([fold("a", 0.8, 0.7), fold("b", 0.7, 0.5)])
    let data = try JSONEncoder().encode(found)
    let list = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
    #expect(
      list.map { $0["site"] as? String } == ["a", "b"]
        && list[0].keys.sorted() == ["dice", "expected", "site"])
    #expect(try JSONDecoder().decode(FoldErrors.self, from: data) == found && found.isUsable)
    #expect(!FoldErrors([]).isUsable && !FoldErrors([fold("a", 1.2, 0.5)]).isUsable)
  }
}
