import Foundation
import Testing

@testable import Reviewing

@Suite("review agreement")
struct AgreementTests {
  @Test("Kappa and Dice of two reviewers are those that were worked by hand")
  func byHand() throws {
    let fixture = try ReviewFixture(heldOut: [])
    // Ana: lesion, lesion, none, none, lesion; Ben: lesion, none, none, lesion, not usable.
    // Pixels of a0: two by Ana, three by Ben, two in common: 2·2 / 5 = 0.8. Of a1 and b0: 0, as one has none.
    try fixture.store([
      fixture.decision("a0", .accept), fixture.decision("a1", .accept), fixture.decision("a2", .noLesion),
      fixture.decision("b0", .noLesion), fixture.decision("b1", .accept),
      fixture.decision("a0", .correct, by: "Ben", [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      fixture.decision("a1", .noLesion, by: "Ben"), fixture.decision("a2", .noLesion, by: "Ben"),
      fixture.decision("b0", .correct, by: "Ben", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
      fixture.decision("b1", .notUsable, by: "Ben"), fixture.decision("a0", .accept, by: "Cem"),
    ])
    let content = try fixture.content
    let agreement = try ReviewAgreement(content, DecisionFiles.all(of: content).found)
    #expect(agreement.decisions == ["Ana": 5, "Ben": 5, "Cem": 1] && agreement.pairs.count == 3)
    let pair = try #require(agreement.pairs.first)
    #expect(pair.reviewers == ["Ana", "Ben"] && pair.items == 4 && pair.groups == 3 && pair.usable == 1)
    #expect(pair.presence == ReviewAgreement.Presence(both: 1, first: 1, second: 1, neither: 1))
    // Both agree on two of four, which is what chance gives here: kappa 0.
    #expect(pair.kappa?.value == 0 && pair.kappa?.ends == nil && pair.kappa?.reason?.contains("3") == true)
    #expect(abs((pair.dice?.value ?? 0) - 0.8 / 3) < 1e-12)
    #expect(agreement.pairs[1].kappa == nil && agreement.pairs[1].dice?.value == 1)
  }
}
