/// The least number of independent units from which anything is inferred about others.
///
/// A unit is what is drawn: a patient or sequence, an image where neither is stated, or a seed.
public enum IndependentUnits {
  /// The least number of units for an interval or a test: 6.
  ///
  /// Of n differences, all with the same sign, a two-sided test of signs or signed ranks gives
  /// p = 2 / 2ⁿ at best. That is 0.0625 for 5 units and 0.03125 for 6. So below 6 no data can reach
  /// the level of 0.05, and a 95 % interval that excludes zero would claim more than any test can.
  /// A percentile interval over so few units is too narrow as well. Over one unit it has no width,
  /// because each resample draws that unit.
  public static let least = 6

  /// Explains why some units give no interval; nil if they are enough.
  ///
  /// - Parameters:
  ///   - count: the number of units.
  ///   - unit: the name of one unit, and of several.
  ///   - place: where each place needs the units, such as a site; nil for a single place.
  /// - Returns: a clause without its full stop.
  public static func shortage(
    _ count: Int,
    of unit: (one: String, several: String) = (
      "independent patient, sequence or image", "independent patients, sequences or images"
    ), at place: String? = nil
  ) -> String? {
    guard count < least else { return nil }
    let found = "\(count) \(count == 1 ? unit.one : unit.several)"
    return place.map { "\(found) at \($0); an interval needs \(least) at each site" }
      ?? "\(found); an interval needs \(least)"
  }
}
