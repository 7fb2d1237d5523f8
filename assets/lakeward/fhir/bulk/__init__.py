"""The FHIR Bulk Data client: exports of STU1 to STU4 servers into landing, exactly once.

`exports` is the way in; `state.next_action` decides what comes next, `steps` does it, `store` keeps
the result. The steps of one job, and the modules behind each:

    intend -> kick off -> poll -> download -> compare members -> land -> release -> finish
              kickoff     polling  fetching    finishing          delivery
              polling     pages    download    watermark
                          refresh <--+ (a file had expired)

`auth`, `keys` and `scopes` get tokens, `transport` sends requests, `journal` logs. What the
resources hold is not looked at here: that belongs to the loading of what was landed.

Source: HL7 FHIR Bulk Data Access ("the guide" in this package): STU1 1.0, STU2 2.0, STU3 3.0 and
the STU4 ballot 4.0, page `export`. Names of servers in comments say where a deviation was seen.
"""
