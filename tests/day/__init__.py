"""A scripted day (`make day`): an hour of a hospital at compressed time, with what goes wrong in one, and its books.

Real images leave four senders, each with a stock `storescu`; results go to a real Orthanc. Meanwhile things happen, by
the clock of the day; at the end every image that was acknowledged is accounted for, object by object.
"""
