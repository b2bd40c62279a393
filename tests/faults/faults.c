/* placeholder */
int faults_unused;
