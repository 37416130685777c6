/// The error of type `type` that `body` throws; nil when it throws none, or another. (Testing's macros give it back only
/// from Swift 6.1 on.)
public func thrownError<Failure: Error, Result>(_ type: Failure.Type, by body: () throws -> Result) -> Failure? {
    do { _ = try body() } catch { return error as? Failure }
    return nil
}
